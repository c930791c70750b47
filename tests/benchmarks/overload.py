"""`python -m tests.benchmarks.overload`: what becomes of four times as many requests as can be answered.

Each round measures, one right after the other, how many small pictures the service answers a second when it is always
asked for the next, then 80% of that as an open loop, then 400%. Ratios are taken within a round, for other programs
disturb all of its parts alike, and their medians over the rounds are reported.
"""

import argparse
import statistics
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests import pictures
from tests.benchmarks.environments import SERVICE, Environment
from tests.benchmarks.load import Load, measure
from tests.benchmarks.open_loop import LOST, Demand, Outcome, collect, spawn
from tests.benchmarks.processes import Running, running
from tests.benchmarks.servers import SCRATCH, SERVERS, ask_by_form

GOODPUT: Final = 0.9
"""The least part of the peak that is answered under four times the load."""

SLOWDOWN: Final = 3.0
"""The most times slower that the 99th percentile of what is answered then may be than at 80% load."""

GROWTH: Final = 16 * 2**20
"""Bytes that the memory may grow by after the first round."""

_ANSWER: Final = '"digit":7'
_HERE: Final = Environment(Path(sys.prefix), SERVICE.lock)


@dataclass(frozen=True, slots=True)
class Round:
    """One round's figures."""

    peak: float
    """Right answers a second of a closed loop."""
    at_80: Outcome
    at_400: Outcome
    thrift: float
    """Right answers that a second of a processor gives at 400%, as a part of what it gives at 80%: however many
    processors other programs take."""
    memory: int
    """Resident bytes of all processes at its end."""

    @property
    def goodput(self) -> float:
        """Part of the peak that is answered at 400%."""
        return self.at_400.goodput / self.peak

    @property
    def slowdown(self) -> float:
        """How many times slower the 99th percentile is at 400% than at 80%."""
        return self.at_400.p99 / self.at_80.p99

    def row(self) -> str:
        """The figures as a line of a table."""
        return (
            f"| {self.peak:,.0f} | {self.at_80.goodput:,.0f} | {self.at_80.p99:.1f} ms | {self.at_400.goodput:,.0f} "
            f"({self.goodput:.0%}) | {self.at_400.p99:.1f} ms ({self.slowdown:.1f}x) "
            f"| {self.at_400.refused_p99:.1f} ms | {self.at_400.lag_p99:.1f} ms | {self.thrift:.0%} "
            f"| {self.memory / 2**20:.0f} MiB |"
        )


HEAD: Final = (
    "| peak /s | at 80%: answered /s | p99 | at 400%: answered /s | p99 of answers | p99 of refusals | generator late "
    "(p99) | answers per processor second, of those at 80% | memory |\n|---|---|---|---|---|---|---|---|---|"
)


def measure_round(server: Running, request: bytes, seconds: float) -> Round:
    """Measure peak, 80% and 400%."""
    peak = measure(Load(server.port, request, _ANSWER, connections=32, seconds=seconds, warm_up=1.0)).rate
    demand = Demand(server.port, request, _ANSWER, 0.8 * peak, seconds)
    before = server.processor_seconds()
    at_80 = collect(spawn(demand))
    between = server.processor_seconds()
    at_400 = collect(spawn(replace(demand, rate=4 * peak)))
    each_at_80 = (between - before) / at_80.counts["200"]
    each_at_400 = (server.processor_seconds() - between) / at_400.counts["200"]
    return Round(peak, at_80, at_400, each_at_80 / each_at_400, sum(server.memory()))


def complaints(rounds: list[Round]) -> list[str]:
    """What is not as it should be."""
    found = []
    goodput = statistics.median(one.goodput for one in rounds)
    slowdown = statistics.median(one.slowdown for one in rounds)
    statuses = Counter[str]()
    for one in rounds:
        statuses.update(one.at_80.counts)
        statuses.update(one.at_400.counts)
    if goodput < GOODPUT:
        found.append(f"Only {goodput:.0%} of the peak is answered at 400%.")
    if slowdown > SLOWDOWN:
        found.append(f"What is answered at 400% takes {slowdown:.1f} times as long as at 80%.")
    if statuses[LOST] or set(statuses) - {"200", "503", LOST}:
        found.append(f"There were other answers than 200 and 503: {dict(statuses)}.")
    if rounds[-1].memory > rounds[0].memory + GROWTH:
        found.append(f"The memory grew from {rounds[0].memory:,} to {rounds[-1].memory:,} bytes.")
    return found


def main() -> None:
    """Measure, print a table, and end with 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="service-1", help="service-1 or service-2: one process or two")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each of a round's three parts")
    options = parser.parse_args()
    [server] = [one for one in SERVERS if one.key == options.server]
    request = ask_by_form("/predict", "file")(pictures.encode(pictures.seven(28, 28), "PNG"), "image/png")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    rounds = []
    sys.stdout.write(f"{HEAD}\n")
    # In the same environment as this program: nothing is compared with other servers here.
    with running(replace(server, environment=_HERE), SCRATCH) as started:
        for _ in range(options.rounds):
            rounds.append(measure_round(started, request, options.seconds))
            sys.stdout.write(f"{rounds[-1].row()}\n")
            sys.stdout.flush()
    goodput = statistics.median(one.goodput for one in rounds)
    slowdown = statistics.median(one.slowdown for one in rounds)
    thrift = statistics.median(one.thrift for one in rounds)
    sys.stdout.write(
        f"Medians: {goodput:.0%} of the peak answered at 400%, p99 {slowdown:.1f} times that at 80%; a processor "
        f"second answers {thrift:.0%} as many as at 80%.\n"
    )
    found = complaints(rounds)
    sys.stdout.writelines(f"{complaint}\n" for complaint in found)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
