"""A soak: mixed requests for a long time, while versions change and processes end and start; all are accounted for."""

import asyncio
import contextlib
import os
import shutil
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.settings import PROJECT_FOLDER, Settings
from tests.benchmarks.open_loop import arrivals
from tests.benchmarks.processes import free_ports
from tests.soak import samples
from tests.soak.client import Client
from tests.soak.conductor import PROCESSES, Conductor, Step
from tests.soak.ledger import CutError, History, Ledger, Outcome, Span, Verdict, judge
from tests.soak.samples import Sample
from tests.soak.traffic import Answer, Sending, Sort, drawn, traffic
from tests.system.instances import HAPROXY, Instance, proxied

RATE: Final = 40.0
"""Requests a second: what two shared cores answer besides everything else."""

MOST_TRIES: Final = 30
"""How often a request is sent at most, where it may be sent again, a second after the answer."""

_REST_SECONDS: Final = 60.0
"""How long the end waits at most until the last connections are closed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done."""

    seconds: float
    """How long requests come, at least: until the first round of changes is over."""
    rate: float = RATE
    """Requests a second, at random times."""
    seed: int = 8
    proxy: bool = HAPROXY is not None
    """Whether there are two instances behind HAProxy; else there is one, which is neither restarted nor killed."""

    @property
    def pause(self) -> float:
        """Seconds between two changes."""
        return min(15.0, self.seconds / 60)

    @property
    def interval(self) -> float:
        """Seconds between two samples."""
        return max(1.0, self.seconds / 360)


@dataclass(slots=True)
class Record:
    """What came of it."""

    plan: Plan
    ledger: Ledger = field(default_factory=Ledger)
    history: History = field(default_factory=History)
    steps: list[Step] = field(default_factory=list)
    """In seconds since the first request."""
    rounds: int = 0
    """Whole rounds of changes."""
    seconds: float = 0.0
    """From the first request to the end of the last."""
    samples: list[Sample] = field(default_factory=list)
    before: Sample | None = None
    """The first instance at rest, before the first request; None until it has been looked at."""
    after: Sample | None = None
    """At rest again, after the last; None too if it has ended."""
    loads: list[float] = field(default_factory=list)
    """The machine's load average with each sample."""
    complaints: list[str] = field(default_factory=list)
    """What went wrong beside the requests: a change that had no effect, lines of the logs that tell of a fault."""

    @property
    def survivor(self) -> list[Sample]:
        """The samples of the process that lives as long as the run."""
        return [sample for sample in self.samples if sample.instance == "one"]


@contextmanager
def started(folder: Path, home: Path, *, proxy: bool) -> Iterator[tuple[int, list[Instance]]]:
    """Run the service; the port to ask, and the instances."""
    one, two = ({"DIGITS_MODEL": home, "DIGITS_WORKERS": workers} for workers in (1, PROCESSES))
    if proxy:
        with proxied(folder, one, two) as (port, first, second):
            yield port, [first, second]
        return
    port, _, _ = free_ports()
    instance = Instance(port, folder / "one.log", **one)
    try:
        yield port, [instance]
    finally:
        instance.end()


class _Soak:
    """One run."""

    def __init__(self, plan: Plan, port: int, instances: list[Instance], conductor: Conductor, record: Record) -> None:
        self._plan, self._port, self._instances = plan, port, instances
        self._conductor, self._record = conductor, record
        self._first_port = int(instances[0].url.rpartition(":")[2])
        self._client = Client()
        self.began = time.monotonic()

    async def run(self, sorts: list[Sort]) -> None:
        plan, record = self._plan, self._record
        until = self.began + plan.seconds
        changes = asyncio.create_task(asyncio.to_thread(self._conductor.run, until, plan.pause))
        watch = asyncio.create_task(self._watch())
        requests = drawn(sorts, plan.seed)
        under_way: set[asyncio.Task[None]] = set()
        async for _ in arrivals(plan.rate, float("inf"), plan.seed):
            if changes.done() and time.monotonic() >= until:
                break
            task = asyncio.create_task(self._send(*next(requests)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        while under_way:
            await asyncio.wait(under_way)
        record.seconds = time.monotonic() - self.began
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        self._client.close()
        if (failure := changes.exception()) is not None:
            reason = "".join(traceback.format_exception(failure))
            record.complaints.append(f"The changes ended early: {reason[-2000:]}")

    async def _watch(self) -> None:
        while True:
            self._record.samples += await asyncio.to_thread(samples.look, self._instances, self.began)
            self._record.loads.append(os.getloadavg()[0])
            await asyncio.sleep(self._plan.interval)

    async def _send(self, sort: Sort, sending: Sending) -> None:
        """Send a request, again if need be, and account for it."""
        history, ledger = self._record.history, self._record.ledger
        port = self._first_port if sending.to_one else self._port
        ledger.begin(sort)
        verdict = Verdict(Outcome.LOST, f"sent {MOST_TRIES} times")
        for _ in range(MOST_TRIES):
            begin = time.monotonic()
            came: Answer | CutError | None
            try:
                came = await self._client.ask(port, sending)
            except CutError as error:
                came = error
            span = Span(begin, time.monotonic())
            found = judge(sort, sending, came, history, span)
            if isinstance(found.outcome, Outcome):
                verdict = found
                break
            ledger.send_again(sort, found.outcome)
            await asyncio.sleep(1)
        ledger.end(sort, verdict, Span(span.begin - self.began, span.end - self.began))


def soak(plan: Plan, folder: Path) -> Record:
    """Carry out a plan; the service's model, logs and nothing else lie in a folder."""
    home = Path(shutil.copytree(PROJECT_FOLDER / "artifacts" / "default", folder / "default"))
    sorts = traffic(Settings(model=home))
    record = Record(plan)
    with started(folder, home, proxy=plan.proxy) as (port, instances):
        conductor = Conductor(home, instances, record.history)
        [record.before] = samples.look(instances[:1], time.monotonic())

        async def run() -> float:
            whole = _Soak(plan, port, instances, conductor, record)
            await whole.run(sorts)
            return whole.began

        began = asyncio.run(run())
        record.steps = [Step(step.name, step.begin - began, step.end - began) for step in conductor.steps]
        record.rounds = conductor.rounds
        record.after = _at_rest(instances[0], began, record.before)
        for instance in instances:
            code = instance.stop()
            if code:
                record.complaints.append(f"SIGTERM ended it with {code}")
        for instance in instances:
            record.complaints += [
                line[:1000]
                for line in instance.log.read_text().splitlines()
                if "Traceback" in line or '"ERROR"' in line
            ]
    return record


def _at_rest(instance: Instance, began: float, before: Sample) -> Sample | None:
    """The first instance once the connections of the load have been closed, or after a while; None if it has ended."""
    deadline = time.monotonic() + _REST_SECONDS
    while found := samples.look([instance], began):
        if found[0].weight.handles <= before.weight.handles or time.monotonic() > deadline:
            return found[0]
        time.sleep(1)
    return None
