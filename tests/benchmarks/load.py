"""The load generator: keeps one request under way on each of its connections and records what each took.

It runs in a process of its own, `python -m tests.benchmarks.load`, which reads a Load from its standard input and
writes a Measurement to its standard output.
"""

import asyncio
import math
import re
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast

from tests.benchmarks import generators

HOST: Final = "127.0.0.1"
_HEAD_END: Final = b"\r\n\r\n"
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RECONNECT_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, how much of it at once, and for how long."""

    port: int
    request: bytes
    """A whole HTTP/1.1 request, head and body."""
    answer: str
    """Regular expression that the body of a right answer contains."""
    connections: int
    seconds: float
    """How long is measured, at least."""
    warm_up: float
    """Seconds before that; it lasts until each connection has had an answer on average."""
    at_least: int = 0
    """Measure until so many requests are answered; two a connection in any case."""
    pause: float = 0.0
    """Seconds that a connection waits between an answer and its next request."""
    patience: float = 60.0
    """Seconds after which the warm-up, and the measurement, end in any case."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the requests of one load took, in milliseconds; nan where none was answered rightly."""

    requests: int
    """Answered rightly."""
    errors: int
    """Answered otherwise, or not at all."""
    rate: float
    """Right answers a second."""
    p50: float
    p99: float
    worst: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of some sorted values that `share` of them do not exceed (nearest rank); nan of none."""
    return ordered[max(1, math.ceil(share * len(ordered))) - 1] if ordered else math.nan


def summarize(nanoseconds: Sequence[int], errors: int, seconds: float) -> Measurement:
    """Rate and percentiles of the latencies of right answers."""
    ordered = [value / 1e6 for value in sorted(nanoseconds)]
    return Measurement(
        requests=len(ordered),
        errors=errors,
        rate=len(ordered) / seconds,
        p50=percentile(ordered, 0.5),
        p99=percentile(ordered, 0.99),
        worst=percentile(ordered, 1.0),
    )


class _Driver:
    """What the connections of one load share."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.answer = re.compile(load.answer.encode())
        self.latencies: list[int] = []
        self.errors = 0
        self.stopped = False
        self.transports: set[asyncio.BaseTransport] = set()
        self.idle = asyncio.Event()
        self._pending: set[asyncio.Task[None]] = set()
        self._goal = load.connections
        self._reached = asyncio.Event()

    def count(self, nanoseconds: int, *, right: bool) -> None:
        if right:
            self.latencies.append(nanoseconds)
        else:
            self.errors += 1
        if len(self.latencies) + self.errors >= self._goal:
            self._reached.set()

    async def connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: _Connection(self), HOST, self.load.port)
        except OSError:
            self.count(0, right=False)
            self.reconnect()

    def reconnect(self) -> None:
        if not self.stopped:
            task = asyncio.ensure_future(self._connect_later())
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    async def _connect_later(self) -> None:
        await asyncio.sleep(_RECONNECT_SECONDS)
        await self.connect()

    async def run(self) -> Measurement:
        load = self.load
        await asyncio.gather(*(self.connect() for _ in range(load.connections)))
        await self._last(load.warm_up, load.connections)
        self.latencies, self.errors = [], 0
        began = time.perf_counter()
        await self._last(load.seconds, max(load.at_least, 2 * load.connections))
        seconds = time.perf_counter() - began
        latencies, errors = self.latencies.copy(), self.errors
        await self._drain()
        return summarize(latencies, errors, seconds)

    async def _drain(self) -> None:
        """Wait for the last answers: what the server still works at would slow down the next load."""
        self.stopped = True
        for task in self._pending:
            task.cancel()
        if self.transports:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.idle.wait(), self.load.patience)
        for transport in self.transports:
            transport.close()
        await asyncio.sleep(0)

    async def _last(self, seconds: float, requests: int) -> None:
        """Wait until both the time is over and the requests are answered, at most for the load's patience."""
        self._goal, self._reached = requests, asyncio.Event()
        limit = asyncio.create_task(asyncio.wait_for(self._reached.wait(), max(self.load.patience, seconds)))
        await asyncio.sleep(seconds)
        with suppress(TimeoutError):
            await limit


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    def __init__(self, driver: _Driver) -> None:
        self._driver = driver
        self._received = b""
        self._body = -1
        self._end: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._driver.transports.add(transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        if self._body < 0 and not self._read_head():
            return
        chunked = self._end is None
        if self._received.endswith(_LAST_CHUNK) if chunked else len(self._received) >= cast(int, self._end):
            self._finish()

    def connection_lost(self, _: Exception | None) -> None:
        driver = self._driver
        driver.transports.discard(self._transport)
        if not driver.stopped:
            driver.count(0, right=False)
            driver.reconnect()
        elif not driver.transports:
            driver.idle.set()

    def _read_head(self) -> bool:
        """Find where the body begins and ends; False while the head is incomplete."""
        found = self._received.find(_HEAD_END)
        if found < 0:
            return False
        self._body = found + len(_HEAD_END)
        length = _LENGTH.search(self._received, 0, self._body)
        self._end = self._body + int(length[1]) if length else None
        return True

    def _finish(self) -> None:
        driver = self._driver
        took = time.perf_counter_ns() - self._began
        right = self._received.startswith(b"HTTP/1.1 200") and driver.answer.search(self._received, self._body)
        driver.count(took, right=bool(right))
        if driver.load.pause:
            asyncio.get_running_loop().call_later(driver.load.pause, self._send)
        else:
            self._send()

    def _send(self) -> None:
        if self._driver.stopped:
            self._transport.close()
            return
        self._received, self._body = b"", -1
        self._began = time.perf_counter_ns()
        self._transport.write(self._driver.load.request)


async def drive(load: Load) -> Measurement:
    """Put a server under load, in this process."""
    return await _Driver(load).run()


def spawn(load: Load) -> "subprocess.Popen[bytes]":
    """Begin to put a server under load from another process; `collect` waits for its end."""
    return generators.start("tests.benchmarks.load", load)


def collect(process: "subprocess.Popen[bytes]") -> Measurement:
    """What a spawned load measured."""
    return Measurement(**generators.outcome(process))


def measure(load: Load) -> Measurement:
    """Put a server under load from another process."""
    return collect(spawn(load))


def main() -> None:
    """Read a Load, drive it and write what was measured."""
    generators.carry_out(Load, drive)


if __name__ == "__main__":
    main()
