"""The client, against a server of a few lines."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.benchmarks.load import HOST
from tests.soak.client import Client
from tests.soak.ledger import CutError
from tests.soak.traffic import Answer, Ending, Sending, nothing

RIGHT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Tone: low\r\n\r\nok"
LAST = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Served:
    """What a server has seen."""

    port: int = 0
    connections: int = 0
    received: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def server(handle: Callable[[Served, Streams], Awaitable[None]]) -> AsyncIterator[Served]:
    served = Served()

    under_way: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.connections += 1
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await handle(served, (reader, writer))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    listening = await asyncio.start_server(connected, HOST, 0)
    served.port = listening.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        listening.close()
        await listening.wait_closed()
        await asyncio.gather(*under_way)


async def answering(served: Served, streams: Streams) -> None:
    """Answer each two bytes."""
    reader, writer = streams
    while True:
        served.received.append(await reader.readexactly(2))
        writer.write(RIGHT)


async def hanging_up(_: Served, streams: Streams) -> None:
    """Answer half."""
    await streams[0].readexactly(2)
    streams[1].write(RIGHT[:-1])


async def refusing(_: Served, streams: Streams) -> None:
    """Answer after two bytes and read no more, but leave the connection open."""
    reader, writer = streams
    await reader.readexactly(2)
    writer.write(LAST)
    await asyncio.sleep(1)


async def waiting(served: Served, streams: Streams) -> None:
    """Read to the end, without a word."""
    served.received.append(await streams[0].read())


def asked(
    handle: Callable[[Served, Streams], Awaitable[None]], *sendings: Sending
) -> tuple[Served, list[Answer | None]]:
    """What comes of requests, one after the other."""

    async def scenario() -> tuple[Served, list[Answer | None]]:
        async with server(handle) as served:
            client = Client()
            answers = [await client.ask(served.port, sending) for sending in sendings]
            client.close()
        return served, answers

    return asyncio.run(scenario())


def test_connections_are_kept() -> None:
    """A request in pieces arrives whole, and the next goes over the same connection."""
    served, answers = asked(answering, Sending((b"o", b"n"), nothing, 0.01), Sending((b"of",), nothing))
    assert answers == [Answer(200, {"content-length": "2", "x-tone": "low"}, b"ok")] * 2
    assert (served.connections, served.received) == (1, [b"on", b"of"])


def test_half_an_answer() -> None:
    """An answer that is not whole is none."""
    with pytest.raises(CutError, match="closed within the answer"):
        asked(hanging_up, Sending((b"on",), nothing))


def test_nobody_there() -> None:
    """Neither is a connection that does not come about."""

    async def scenario() -> None:
        async with server(waiting) as served:
            port = served.port
        await Client().ask(port, Sending((b"on",), nothing))

    with pytest.raises(CutError, match="ConnectionRefusedError"):
        asyncio.run(scenario())


def test_answer_that_overtakes_the_request() -> None:
    """A refusal is read while the request is still being sent, and that connection is used for nothing else."""
    large = Sending((b"on", bytes(2**25)), nothing)
    served, [answer, _] = asked(refusing, large, large)
    assert answer is not None
    assert (answer.status, answer.body) == (413, b"no")
    assert served.connections == 2


@pytest.mark.parametrize("ending", [Ending.LEAVE, Ending.RESET])
def test_clients_that_leave(ending: Ending) -> None:
    """A client that leaves has sent what it was to send, and gets no answer."""
    served, answers = asked(waiting, Sending((b"part",), nothing, 0.05, ending))
    assert answers == [None]
    assert served.received == ([b"part"] if ending is Ending.LEAVE else [])


def test_rest_that_is_owed() -> None:
    """A connection over which a request is not whole is not used for another."""
    served, answers = asked(answering, Sending((b"on",), nothing, complete=False), Sending((b"of",), nothing))
    assert [answer.status for answer in answers if answer is not None] == [200, 200]
    assert served.connections == 2
