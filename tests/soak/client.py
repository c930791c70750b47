"""The client: sends a request as it is to be sent, well or badly behaved, and reads the answer meanwhile."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Final

import httptools

from tests.benchmarks.load import HOST
from tests.soak.ledger import CutError
from tests.soak.traffic import Answer, Ending, Sending

PATIENCE: Final = 90.0
"""Seconds after which what is not answered counts as cut; more than any of the service's and the proxy's limits."""

_IDLE_SECONDS: Final = 20.0
"""How long a connection is kept for a next request: less than the proxy keeps it."""

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER's way to end a connection with RST."""


class _Response:
    """What httptools makes of the bytes."""

    def __init__(self) -> None:
        self.begun = False
        self.whole = False
        self.keep_alive = False
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise CutError(f"not HTTP: {error}") from error

    def answer(self) -> Answer:
        return Answer(self._parser.get_status_code(), self._headers, b"".join(self._body))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_headers_complete(self) -> None:
        self.keep_alive = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self.whole = True


class Client:
    """Keeps connections for further requests, as clients do."""

    def __init__(self) -> None:
        self._kept: dict[int, list[tuple[float, socket.socket]]] = {}
        """By port: since when they are idle, the longest idle first."""
        self._loop = asyncio.get_running_loop()

    async def ask(self, port: int, sending: Sending) -> Answer | None:
        """Send a request; its answer, or None if it was sent by a client that leaves.

        Raises:
            CutError: no whole answer came.
        """
        connection = await self._connection(port)
        keep = False
        try:
            if sending.ending is not Ending.WAIT:
                await self._send(connection, sending)
                if sending.ending is Ending.RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                return None
            writing = asyncio.ensure_future(self._send(connection, sending))
            response = _Response()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._receive(connection, response)
            except TimeoutError:
                raise CutError(f"no answer for {PATIENCE:.0f} s") from None
            except OSError as error:
                raise CutError(type(error).__name__, response.begun) from error
            else:
                # A refusal may overtake the rest of the request.
                keep = response.keep_alive and writing.done() and sending.complete
                return response.answer()
            finally:
                writing.cancel()
                with suppress(asyncio.CancelledError):
                    await writing
        finally:
            if keep:
                self._kept.setdefault(port, []).append((self._loop.time(), connection))
            else:
                connection.close()

    def close(self) -> None:
        """End the connections that are kept."""
        for kept in self._kept.values():
            for _, connection in kept:
                connection.close()
        self._kept.clear()

    async def _connection(self, port: int) -> socket.socket:
        kept = self._kept.get(port, [])
        while kept:
            since, connection = kept.pop()
            # It has nothing to say but that it has been closed.
            if self._loop.time() - since < _IDLE_SECONDS and _is_open(connection):
                return connection
            connection.close()
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._loop.sock_connect(connection, (HOST, port))
        except OSError as error:
            connection.close()
            raise CutError(type(error).__name__) from error
        return connection

    async def _send(self, connection: socket.socket, sending: Sending) -> None:
        # Where the other side has closed, what it said before can still be read.
        with suppress(OSError):
            for index, piece in enumerate(sending.pieces):
                if index:
                    await asyncio.sleep(sending.pause)
                await self._loop.sock_sendall(connection, piece)
        if sending.ending is not Ending.WAIT:
            await asyncio.sleep(sending.pause)

    async def _receive(self, connection: socket.socket, response: _Response) -> None:
        while not response.whole:
            data = await self._loop.sock_recv(connection, 2**16)
            if not data:
                raise CutError(
                    "closed within the answer" if response.begun else "closed without an answer", response.begun
                )
            response.begun = True
            response.feed(data)


def _is_open(connection: socket.socket) -> bool:
    """Whether the other side of an idle connection has closed it, or has said what nobody asked."""
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
