"""The load generator, against a server of a few lines."""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.benchmarks.load import HOST, Load, Measurement, drive, percentile, summarize
from tests.benchmarks.servers import http_request

RIGHT = b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"digit":7}'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"digit":7}\r\n0\r\n\r\n'
WRONG = b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"digit":1}'
BUSY = b'HTTP/1.1 503 Busy\r\nContent-Length: 11\r\n\r\n{"digit":7}'


@asynccontextmanager
async def server(*answers: bytes, close: bool = False) -> AsyncIterator[int]:
    """A server that gives these answers in turn, in two pieces each, or none at all; the port it listens on."""
    under_way: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            for turn in range(1_000_000):
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
                if not answers:
                    continue
                answer = answers[turn % len(answers)]
                writer.write(answer[:20])
                await writer.drain()
                await asyncio.sleep(0)
                writer.write(answer[20:])
                if close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            under_way.discard(task)

    listening = await asyncio.start_server(handle, HOST, 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await listening.wait_closed()
        await asyncio.gather(*under_way)


def load(port: int, connections: int = 2, at_least: int = 20, patience: float = 5.0) -> Load:
    request = http_request("POST", "/predict", "text/plain", b"a picture")
    return Load(port, request, r'"digit": ?7\b', connections, 0.02, 0.01, at_least, 0.0, patience)


async def measured(*answers: bytes, close: bool = False) -> Measurement:
    async with server(*answers, close=close) as port:
        return await drive(load(port))


@pytest.mark.parametrize("answer", [RIGHT, CHUNKED], ids=["with length", "chunked"])
def test_counts_right_answers(answer: bytes) -> None:
    """Answers that arrive in pieces, by length or in chunks, are counted once each, and none as an error."""
    found = asyncio.run(measured(answer))
    assert found.requests >= 20
    assert found.errors == 0
    assert 0 < found.p50 <= found.p99 <= found.worst


@pytest.mark.parametrize("answer", [WRONG, BUSY], ids=["another digit", "another status"])
def test_counts_errors(answer: bytes) -> None:
    """Another digit and another status are errors, and have no share in the latencies."""
    found = asyncio.run(measured(RIGHT, answer))
    assert found.errors > 0
    assert abs(found.requests - found.errors) <= 2


def test_survives_closed_connections() -> None:
    """A server that hangs up after each answer costs errors, not the run."""
    found = asyncio.run(measured(RIGHT, close=True))
    assert found.requests > 0
    assert found.errors > 0


def test_gives_up_on_a_silent_server() -> None:
    """A server that never answers ends the load at its patience, with nothing measured."""

    async def run() -> Measurement:
        async with server() as port:
            return await drive(load(port, patience=0.1))

    found = asyncio.run(run())
    assert (found.requests, found.errors) == (0, 0)
    assert math.isnan(found.p50)


def test_survives_a_port_nobody_listens_on() -> None:
    """Refused connections are errors."""

    async def run() -> Measurement:
        async with server(RIGHT) as port:
            pass
        return await drive(load(port, at_least=0, patience=0.3))

    found = asyncio.run(run())
    assert found.requests == 0
    assert found.errors > 0


def test_percentiles_are_nearest_rank() -> None:
    """The 99th percentile of 100 values is the 99th of them, of one value that value, of none nan."""
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile(values, 1.0) == 100.0
    assert percentile([3.0], 0.01) == 3.0
    assert math.isnan(percentile([], 0.5))


def test_summary_is_in_milliseconds_and_travels_as_json() -> None:
    """Latencies are told in milliseconds, the rate a second; JSON carries them, nan included."""
    found = summarize([3_000_000, 1_000_000, 2_000_000], errors=1, seconds=0.5)
    assert found == Measurement(requests=3, errors=1, rate=6.0, p50=2.0, p99=3.0, worst=3.0)
    assert math.isnan(json.loads(json.dumps(summarize([], errors=0, seconds=1.0).p50)))
