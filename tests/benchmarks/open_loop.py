"""The open load generator: requests come when they come, whether or not the ones before are answered.

People do not wait for each other: a server that falls behind gets no fewer requests. What a request takes is counted
from when it was due, so that a generator that falls behind hides nothing. It runs in a process of its own,
`python -m tests.benchmarks.open_loop`, which reads a Demand from its standard input and writes an Outcome to its
standard output.
"""

import asyncio
import random
import re
import subprocess
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, cast

from tests.benchmarks import generators
from tests.benchmarks.load import HOST, percentile

LOST: Final = "lost"
"""What an answer counts as that never came, or not whole."""

WRONG: Final = "wrong"
"""What an answer with status 200 counts as that says something else than it should."""

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE: Final = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Demand:
    """What to send, and how often."""

    port: int
    request: bytes
    """A whole HTTP/1.1 request, head and body."""
    answer: str
    """Regular expression that the body of a right answer contains."""
    rate: float
    """Requests a second, at random times (a Poisson process)."""
    seconds: float
    """How long they come."""
    connections: int = 256
    """Most connections; requests for which none is free wait, and their waiting counts."""
    patience: float = 20.0
    """Seconds after which what is not answered is lost."""
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the requests."""

    seconds: float
    """From the first request to the last answer."""
    counts: dict[str, int] = field(default_factory=dict)
    """Of the answers, by status; and LOST and WRONG."""
    p50: float = 0.0
    """Of the right answers, in milliseconds."""
    p99: float = 0.0
    refused_p99: float = 0.0
    """Of the answers with status 503, in milliseconds."""
    lag_p99: float = 0.0
    """How late the generator itself sent, in milliseconds: more than a few and it measures itself."""

    @property
    def goodput(self) -> float:
        """Right answers a second."""
        return self.counts.get("200", 0) / self.seconds


async def arrivals(rate: float, seconds: float, seed: int) -> AsyncIterator[float]:
    """The times at which requests of a Poisson process are due, each as soon as it has come, in the loop's time."""
    loop = asyncio.get_running_loop()
    chance = random.Random(seed)  # noqa: S311  # no secret
    began = due = loop.time()
    while due < began + seconds:
        due += chance.expovariate(rate)
        if due > loop.time():
            await asyncio.sleep(due - loop.time())
        yield due


class _Driver:
    """Sends the requests over as few connections as are free."""

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        self.answer = re.compile(demand.answer.encode())
        self.counts: Counter[str] = Counter()
        self.took: dict[str, list[float]] = {}
        self.lags: list[float] = []
        self.free: list[_Connection] = []
        self._due: deque[float] = deque()
        self._open = 0
        self.transports: set[asyncio.Transport] = set()
        self._left = 0
        self._over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()

    async def run(self) -> Outcome:
        demand, loop = self.demand, self._loop
        began = loop.time()
        async for due in arrivals(demand.rate, demand.seconds, demand.seed):
            self._left += 1
            self._over.clear()
            self._due.append(due)
            self.lags.append(1000 * (loop.time() - due))
            self.go_on()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait() if self._left else asyncio.sleep(0), demand.patience)
        self.counts[LOST] += self._left
        seconds = loop.time() - began
        right, refused = (sorted(self.took.get(status, [])) for status in ("200", "503"))
        outcome = Outcome(
            seconds=seconds,
            counts=dict(self.counts),
            p50=percentile(right, 0.5),
            p99=percentile(right, 0.99),
            refused_p99=percentile(refused, 0.99),
            lag_p99=percentile(sorted(self.lags), 0.99),
        )
        for transport in list(self.transports):
            transport.close()
        await asyncio.sleep(0)
        return outcome

    def go_on(self) -> None:
        """Send what is due over what is free."""
        while self._due:
            if self.free:
                self.free.pop().ask(self._due.popleft())
            elif self._open < self.demand.connections:
                self._open += 1
                task = asyncio.ensure_future(self._connect(self._due.popleft()))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)
            else:
                return

    def count(self, status: str, due: float) -> None:
        """Note what a request ended with."""
        self.counts[status] += 1
        self.took.setdefault(status, []).append(1000 * (self._loop.time() - due))
        self._left -= 1
        if self._left == 0:
            self._over.set()

    def closed(self) -> None:
        """Note that there is a connection less."""
        self._open -= 1
        self.go_on()

    async def _connect(self, due: float) -> None:
        try:
            _, connection = await self._loop.create_connection(lambda: _Connection(self), HOST, self.demand.port)
        except OSError:
            self.count(LOST, due)
            self.closed()
        else:
            connection.ask(due)


class _Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, driver: _Driver) -> None:
        self._driver = driver
        self._due: float | None = None
        self._received = b""

    def ask(self, due: float) -> None:
        self._due, self._received = due, b""
        if self._transport.is_closing():
            self._end(LOST)
        else:
            self._transport.write(self._driver.demand.request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._driver.transports.add(self._transport)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        body = received.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(received, 0, body) if body > 3 else None
        if length is None or len(received) < body + int(length[1]):
            return
        status = received[9:12].decode()
        if status == "200" and not self._driver.answer.search(received, body):
            status = WRONG
        if _CLOSE.search(received, 0, body):
            self._transport.close()
        else:
            self._driver.free.append(self)
        self._end(status)

    def connection_lost(self, _: Exception | None) -> None:
        self._driver.transports.discard(self._transport)
        if self in self._driver.free:
            self._driver.free.remove(self)
        self._end(LOST)
        self._driver.closed()

    def _end(self, status: str) -> None:
        if self._due is not None:
            due, self._due = self._due, None
            self._driver.count(status, due)
            self._driver.go_on()


async def drive(demand: Demand) -> Outcome:
    """Send the requests, in this process."""
    return await _Driver(demand).run()


def spawn(demand: Demand) -> "subprocess.Popen[bytes]":
    """Begin to send the requests from another process; `collect` waits for its end."""
    return generators.start("tests.benchmarks.open_loop", demand)


def collect(process: "subprocess.Popen[bytes]") -> Outcome:
    """What became of the requests that a spawned process sent."""
    return Outcome(**generators.outcome(process))


def main() -> None:
    """Read a Demand, send it and write what became of it."""
    generators.carry_out(Demand, drive)


if __name__ == "__main__":
    main()
