"""HTTP/1.1 as uvicorn and httptools speak it, but for offers to upgrade, what is no HTTP, and heads without end."""

from http import HTTPStatus
from typing import Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.headers import GUARD
from app.problems import problem_response

MAX_HEAD: Final = 64 * 1024
"""Bytes that may arrive before a request's headers are complete, or between two pieces of its body."""

_TUNNEL: Final = b"CONNECT"


class HttpProtocol(HttpToolsProtocol):
    """One connection.

    A request that offers to go on in another protocol, as curl's --http2 and Java's client do with HTTP/2, is answered
    as if it had not: httptools takes its body for the other protocol's first words, so the request is parsed again.
    """

    _head = 0
    """Bytes that arrived since the last headers or piece of a body."""

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        self._unset_keepalive_if_required()
        self._head += len(data)
        rest = memoryview(data)
        try:
            while rest:
                rest = self._parse(rest)
        except httptools.HttpParserError:
            self.send_400_response("This is not an HTTP/1.1 request. Let an HTTP library write it.")
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response(f"The request's headers have more than {MAX_HEAD:,} bytes. Send fewer.")

    def on_headers_complete(self) -> None:
        """Hand the request to the application, unless it will be parsed again."""
        self._head = 0
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body to the application."""
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Tell the application that the request is whole."""
        self._head = 0
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request with a problem, and end the connection."""
        problem = problem_response(HTTPStatus.BAD_REQUEST, "malformed_request", msg, GUARD | {"Connection": "close"})
        head = [name + b": " + value + b"\r\n" for name, value in problem.raw_headers]
        self.transport.write(b"".join([STATUS_LINE[HTTPStatus.BAD_REQUEST], *head, b"\r\n", bytes(problem.body)]))
        self.transport.close()

    def _parse(self, data: memoryview) -> memoryview:
        """Parse up to the end of the next headers that offer to upgrade; what follows them is left to parse."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.parser.get_method() != _TUNNEL:
                self._decline()
                return data[upgrade.args[0] :]
            self.send_400_response("This is no proxy: it opens no tunnels.")
        return data[:0]

    def _decline(self) -> None:
        """Parse the headers again without their offer."""
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        # As uvicorn has it, for requests that follow one another without waiting.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))
