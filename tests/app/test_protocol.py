"""HTTP/1.1 on real sockets: offers to upgrade are declined and answered, and what is no HTTP gets a problem."""

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from app.heads import MAX_HEAD
from app.problems import MEDIA_TYPE
from app.protocol import HttpProtocol

PATIENCE = 30.0
"""Seconds that an answer may take before it counts as hung."""

OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
"""As curl --http2 sends it."""

CHUNKS = b"3\r\nseb\r\n2\r\nen\r\n0\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was asked."""
    assert scope["type"] == "http"
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    asked = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "version": scope["http_version"],
        "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("latin-1"),
    }
    content = json.dumps(asked).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a server with this protocol listens."""
    config = uvicorn.Config(
        echo, port=0, http=HttpProtocol, ws="none", lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(PATIENCE)
    assert not thread.is_alive()


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    content: Any


class Connection:
    """A client that writes what it likes."""

    def __init__(self, peer: socket.socket, reader: BinaryIO) -> None:
        self._peer = peer
        self._reader = reader

    def send(self, *packets: bytes) -> None:
        """Send bytes, each argument in a packet of its own."""
        for packet in packets:
            self._peer.sendall(packet)
            # The server has most likely read it before the next one comes; no test depends on that.
            time.sleep(0.02)

    def line(self) -> bytes:
        """The next line."""
        return self._reader.readline().removesuffix(b"\r\n")

    def answer(self) -> Answer:
        """The next response."""
        version, status, _ = self.line().split(b" ", 2)
        assert version == b"HTTP/1.1"
        headers: dict[str, str] = {}
        while line := self.line():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return Answer(int(status), headers, json.loads(self._reader.read(int(headers["content-length"]))))

    def ask(self, *packets: bytes) -> Any:
        """Send a request and return what the application saw of it."""
        self.send(*packets)
        answer = self.answer()
        assert answer.status == 200
        return answer.content

    def ended(self) -> bool:
        """Whether the server has closed the connection, and said nothing more."""
        try:
            return self._reader.read() == b""
        except ConnectionResetError:
            # It had not read everything when it closed.
            return True


@contextmanager
def connected(port: int) -> Iterator[Connection]:
    """A connection to the server."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with peer.makefile("rb") as reader:
            yield Connection(peer, reader)


@pytest.fixture
def connection(port: int) -> Iterator[Connection]:
    """A fresh connection."""
    with connected(port) as fresh:
        yield fresh


def request(start: str = "POST /a?b=c HTTP/1.1", headers: str = "", body: bytes = b"") -> bytes:
    """A request as bytes; its length is announced if it has a body."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{start}\r\nHost: service\r\n{headers}{length}\r\n".encode() + body


def assert_problem(connection: Connection) -> str:
    """The connection ends with one problem; returns its sentence."""
    answer = connection.answer()
    assert (answer.status, answer.headers["content-type"]) == (400, MEDIA_TYPE)
    assert answer.headers["connection"] == "close"
    assert (answer.content["status"], answer.content["code"]) == (400, "malformed_request")
    assert connection.ended()
    return str(answer.content["detail"])


class TestUpgrades:
    def test_request_arrives_but_for_the_offer(self, connection: Connection) -> None:
        """Method, path, query, body and all headers but `Upgrade` reach the application."""
        seen = connection.ask(request(headers=OFFER + "X-Empty:\r\nX-Two: 1\r\nx-two:  2\r\n", body=b"seven"))
        assert (seen["method"], seen["path"], seen["query"], seen["version"]) == ("POST", "/a", "b=c", "1.1")
        assert seen["body"] == "seven"
        assert seen["headers"] == [
            ["host", "service"],
            ["connection", "Upgrade, HTTP2-Settings"],
            ["http2-settings", "AAMAAABkAAQAAP__"],
            ["x-empty", ""],
            ["x-two", "1"],
            ["x-two", "2"],
            ["content-length", "5"],
        ]

    @pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0"])
    def test_any_protocol(self, connection: Connection, protocol: str) -> None:
        """Whatever other protocol is offered, WebSockets too, the answer is HTTP/1.1."""
        seen = connection.ask(request(headers=f"Upgrade: {protocol}\r\nConnection: upgrade\r\n", body=b"seven"))
        assert seen["body"] == "seven"

    def test_without_a_body(self, connection: Connection) -> None:
        """An offer on a GET is answered at once."""
        assert connection.ask(request("GET /live HTTP/1.1", OFFER))["path"] == "/live"

    @pytest.mark.parametrize(
        ("headers", "body"),
        [("Content-Length: 5\r\n", b"seven"), ("Transfer-Encoding: chunked\r\n", CHUNKS)],
        ids=["length", "chunked"],
    )
    def test_wherever_packets_end(self, port: int, headers: str, body: bytes) -> None:
        """The body arrives whole in the headers' packet, in later ones, and when the headers themselves are split."""
        head = request(headers=OFFER + headers)
        whole = head + body
        ways = [
            [whole],
            [head, body],
            [head, body[:2], body[2:]],
            [whole[: len(head) + 2], whole[len(head) + 2 :]],
            *([whole[:cut], whole[cut:]] for cut in (1, 30, 60, 75, len(head) - 3, len(head) - 1)),
            [whole[:20], whole[20:70], whole[70 : len(head) - 2], whole[len(head) - 2 :]],
        ]
        for packets in ways:
            with connected(port) as connection:
                seen = connection.ask(*packets)
                assert seen["body"] == body.decode().replace(CHUNKS.decode(), "seben")
                assert ["upgrade", "h2c"] not in seen["headers"]

    def test_byte_by_byte(self, connection: Connection) -> None:
        """A request that comes one byte at a time is read like any."""
        whole = request(headers=OFFER, body=b"seven")
        assert connection.ask(*(whole[index : index + 1] for index in range(len(whole))))["body"] == "seven"

    def test_connection_stays_open(self, connection: Connection) -> None:
        """After a declined offer the connection goes on, with and without further offers."""
        for headers in (OFFER, "", OFFER, ""):
            assert connection.ask(request(headers=headers, body=b"seven"))["body"] == "seven"

    def test_close_is_obeyed(self, connection: Connection) -> None:
        """A client that offers and wants the connection closed gets its answer and the end."""
        headers = "Connection: close, Upgrade\r\nUpgrade: h2c\r\n"
        assert connection.ask(request(headers=headers, body=b"seven"))["body"] == "seven"
        assert connection.ended()

    def test_requests_without_waiting(self, connection: Connection) -> None:
        """Requests that follow one another in one packet are all answered, in their order, whichever make an offer."""
        offers = [True, False, True, True, False]
        connection.send(
            b"".join(
                request(f"POST /{index} HTTP/1.1", OFFER * offer, f"body {index}".encode())
                for index, offer in enumerate(offers)
            )
        )
        for index in range(len(offers)):
            seen = connection.answer().content
            assert (seen["path"], seen["body"]) == (f"/{index}", f"body {index}")

    def test_thousands_of_offers_at_once(self, connection: Connection) -> None:
        """However many offers come in one packet, each is declined: no stack runs over."""
        count = 2000
        connection.send(request("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: h2c\r\n") * count)
        assert {connection.answer().status for _ in range(count)} == {200}

    def test_body_on_hold(self, connection: Connection) -> None:
        """A client that offers and waits to be told to send its body is told to."""
        connection.send(request(headers=OFFER + "Expect: 100-continue\r\nContent-Length: 5\r\n"))
        assert connection.line() == b"HTTP/1.1 100 Continue"
        assert connection.line() == b""
        assert connection.ask(b"seven")["body"] == "seven"

    def test_http_1_0(self, connection: Connection) -> None:
        """An old client's offer is declined too, and its connection ends with the answer."""
        seen = connection.ask(request("POST /a HTTP/1.0", "Connection: upgrade\r\nUpgrade: h2c\r\n", b"seven"))
        assert (seen["version"], seen["body"]) == ("1.0", "seven")
        assert connection.ended()

    def test_offer_without_its_connection_header(self, connection: Connection) -> None:
        """An `Upgrade` that the connection does not name is no offer; the application sees it."""
        seen = connection.ask(request(headers="Upgrade: h2c\r\n", body=b"seven"))
        assert ["upgrade", "h2c"] in seen["headers"]
        assert seen["body"] == "seven"


class TestMalformed:
    @pytest.mark.parametrize(
        "garbage",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"hello\r\n\r\n",
            b"GET / HTTP/3.7\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: service\r\nno colon\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: service\r\nX: a\0b\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: service\r\nContent-Length: many\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: service\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: service\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
            b"GET http:// HTTP/1.1\r\nHost: service\r\n\r\n",
            request("GET http:// HTTP/1.1", OFFER),
            request("POST / HTTP/1.1", OFFER + "Transfer-Encoding: chunked\r\n") + b"nonsense\r\n",
        ],
        ids=[
            "TLS",
            "words",
            "version",
            "HTTP/2",
            "header",
            "NUL",
            "length",
            "smuggling",
            "chunks",
            "URL",
            "URL and offer",
            "chunks after an offer",
        ],
    )
    def test_what_is_no_http(self, connection: Connection, garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
        """It gets a problem and the end of its connection, and nothing is logged as an error."""
        with caplog.at_level(logging.WARNING):
            connection.send(garbage)
            assert "HTTP library" in assert_problem(connection)
        assert caplog.records == []

    @pytest.mark.parametrize("behind", [b"", b"\x16\x03\x01\x02" * 100], ids=["alone", "with more"])
    def test_tunnels(self, connection: Connection, behind: bytes) -> None:
        """A CONNECT gets a problem that says so: the service is no proxy."""
        connection.send(request("CONNECT example.org:443 HTTP/1.1") + behind)
        assert "no proxy" in assert_problem(connection)

    def test_tunnel_with_an_offer(self, connection: Connection) -> None:
        """An offer on top of a CONNECT changes nothing."""
        connection.send(request("CONNECT example.org:443 HTTP/1.1", OFFER))
        assert "no proxy" in assert_problem(connection)

    def test_after_a_good_request(self, connection: Connection) -> None:
        """What is no HTTP ends a connection that was in use, too."""
        assert connection.ask(request(body=b"seven"))["body"] == "seven"
        connection.send(b"hello\r\n\r\n")
        assert_problem(connection)

    def test_other_connections_go_on(self, port: int, connection: Connection) -> None:
        """What one client sends does not touch the others."""
        assert connection.ask(request(body=b"seven"))["body"] == "seven"
        with connected(port) as other:
            other.send(b"hello\r\n\r\n")
            assert_problem(other)
        assert connection.ask(request(body=b"seven"))["body"] == "seven"


class TestHeads:
    @pytest.mark.parametrize(
        "start",
        [
            b"GET /",
            b"GET / HTTP/1.1\r\nHost: service\r\nX: ",
            b"POST / HTTP/1.1\r\nHost: service\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nseven\r\n0\r\nX: ",
            b"POST / HTTP/1.1\r\nHost: service\r\nTransfer-Encoding: chunked\r\n\r\n5;",
        ],
        ids=["path", "header", "trailer", "chunk extension"],
    )
    def test_without_end(self, connection: Connection, start: bytes) -> None:
        """Headers that never end are refused soon after the limit instead of filling the memory."""
        connection.send(start)
        for _ in range(MAX_HEAD // 4096 + 1):
            connection.send(b"a" * 4096)
        assert f"{MAX_HEAD:,} bytes" in assert_problem(connection)

    def test_long_but_finite(self, connection: Connection) -> None:
        """Long headers within the limit are read, request after request, and a body may be as long as it likes."""
        headers = f"X: {'a' * (MAX_HEAD - 1000)}\r\n"
        for _ in range(3):
            assert connection.ask(request(headers=headers, body=b"7" * MAX_HEAD * 2))["body"] == "7" * MAX_HEAD * 2

    @pytest.mark.parametrize("size", [1, 1000, MAX_HEAD + 1])
    @pytest.mark.parametrize("offer", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"], ids=["plain", "offer"])
    def test_exactly(self, connection: Connection, size: int, offer: bytes) -> None:
        """A head may have so many bytes and no more, whether it comes at once, with a body, or in pieces."""
        line = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" + offer
        full = line + b"X: " + b"a" * (MAX_HEAD - len(line) - 7) + b"\r\n\r\n"
        assert len(full) == MAX_HEAD
        packets = [full[place : place + 16384] for place in range(0, len(full), 16384)] if size == 1000 else [full]
        assert connection.ask(*packets[:-1], packets[-1] + b"seven")["body"] == "seven"
        longer = full.replace(b"X: ", b"XX: ")
        connection.send(longer + b"seven" if size == 1 else longer)
        assert f"{MAX_HEAD:,} bytes" in assert_problem(connection)

    def test_at_once(self, connection: Connection) -> None:
        """Headers of any length that come in one write are counted too, those of later requests as well."""
        assert connection.ask(request())
        connection.send(request(headers=f"X: {'a' * 100_000}\r\n") + SECOND)
        assert f"{MAX_HEAD:,} bytes" in assert_problem(connection)

    def test_many_small_chunks(self, connection: Connection) -> None:
        """What frames a body does not count as headers."""
        count = MAX_HEAD // 3
        chunks = [b"1\r\n7\r\n" * (count // 8)] * 8
        head = request(headers="Transfer-Encoding: chunked\r\n")
        assert connection.ask(head, *chunks, b"0\r\n\r\n")["body"] == "7" * (count // 8 * 8)

    def test_many_headers(self, connection: Connection) -> None:
        """Thousands of short headers count as what they are: bytes of one head."""
        connection.send(b"GET / HTTP/1.1\r\nHost: service\r\n" + b"a:b\r\n" * (MAX_HEAD // 5))
        assert f"{MAX_HEAD:,} bytes" in assert_problem(connection)


SECOND = b"GET /second HTTP/1.1\r\nHost: service\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
SEVEN = b"5\r\nseven\r\n0\r\n\r\n"


class TestSmuggling:
    """Whoever stands in front must not see other requests in the same bytes: what has two readings has none here."""

    @pytest.mark.parametrize("headers", ["Host: other\r\n", f"{OFFER}host: service\r\n"], ids=["plain", "offer"])
    def test_hosts(self, connection: Connection, headers: str) -> None:
        """A request to several hosts, be they the same, is refused."""
        connection.send(request(headers=headers) + SECOND)
        assert_problem(connection)

    @pytest.mark.parametrize("offer", ["", OFFER], ids=["plain", "offer"])
    def test_no_host(self, connection: Connection, offer: str) -> None:
        """A request without a host is refused, as RFC 9112 (section 3.2) has it."""
        connection.send(f"GET / HTTP/1.1\r\n{offer}\r\n".encode() + SECOND)
        assert "no host" in assert_problem(connection)

    def test_old_requests(self, connection: Connection) -> None:
        """HTTP/1.0 knows of no hosts."""
        assert connection.ask(b"GET /old HTTP/1.0\r\n\r\n")["path"] == "/old"
        assert connection.ended()

    @pytest.mark.parametrize(
        "headers",
        [
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: 5 6\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length : 5\r\n",
            " Content-Length: 5\r\n",
            "Content Length: 5\r\n",
            "Content-Length\0: 5\r\n",
            ": 5\r\n",
            "X: a\r\n Content-Length: 5\r\n",
            "X: a\nContent-Length: 5\r\n",
            "X: a\rContent-Length: 5\r\n",
            "Content-Length: 5\r\n\n",
        ],
    )
    def test_lengths(self, connection: Connection, headers: str) -> None:
        """A length that is repeated, no plain number, folded, or behind half a line end is refused."""
        connection.send(f"POST / HTTP/1.1\r\nHost: service\r\n{headers}\r\n".encode() + b"seven" + SECOND)
        assert_problem(connection)

    @pytest.mark.parametrize(
        "headers",
        [
            f"{CHUNKED}Content-Length: 4\r\n",
            f"Content-Length: 4\r\n{CHUNKED}",
            f"{CHUNKED}{CHUNKED}",
            f"{CHUNKED}Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding:\x0bchunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding:\r\n chunked\r\n",
            'Transfer-Encoding: "chunked"\r\n',
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: gzip\r\n",
        ],
    )
    def test_encodings(self, connection: Connection, headers: str) -> None:
        """An encoding beside a length, twice, unknown or disguised is refused."""
        connection.send(f"POST / HTTP/1.1\r\nHost: service\r\n{headers}\r\n".encode() + SEVEN + SECOND)
        assert_problem(connection)

    @pytest.mark.parametrize(
        "chunks",
        [
            b"5 \r\nseven\r\n",
            b" 5\r\nseven\r\n",
            b"0x5\r\nseven\r\n",
            b"+5\r\nseven\r\n",
            b"-5\r\nseven\r\n",
            b"10000000000000005\r\nseven\r\n",
            b"5\nseven\r\n",
            b"5\r\nseven\n",
            b"5\r\nseven",
            b"3\r\nseven\r\n",
            b"\r\nseven\r\n",
            b"5;a\nb\r\nseven\r\n",
            b"5;a\rb\r\nseven\r\n",
        ],
    )
    def test_chunks(self, connection: Connection, chunks: bytes) -> None:
        """A chunk whose size is no plain number, or whose end is not where that says, is refused."""
        connection.send(request(headers=CHUNKED) + chunks + b"0\r\n\r\n" + SECOND)
        assert_problem(connection)

    def test_length_in_a_trailer(self, connection: Connection) -> None:
        """A length behind a chunked body is refused too."""
        connection.send(request(headers=CHUNKED) + b"5\r\nseven\r\n0\r\nContent-Length: 30\r\n\r\n" + SECOND)
        assert_problem(connection)

    def test_line_ends(self, connection: Connection) -> None:
        """Lines end with CR LF and nothing else."""
        connection.send(b"POST / HTTP/1.1\nHost: service\nContent-Length: 5\n\nseven" + SECOND)
        assert_problem(connection)

    @pytest.mark.parametrize("path", [b"/\x01", b"/\0", b"/\x7f", b"/\xff", b"/a b", b"/\t"])
    def test_paths(self, connection: Connection, path: bytes) -> None:
        """A path with a control character, a space, or anything beyond ASCII is refused."""
        connection.send(b"GET " + path + b" HTTP/1.1\r\nHost: service\r\n\r\n" + SECOND)
        assert_problem(connection)

    @pytest.mark.parametrize(
        ("start", "headers", "body"),
        [
            ("GET / HTTP/1.1", "Content-Length: 5\r\n", b"seven"),
            ("POST / HTTP/1.1", "Content-Length: 5 \r\n", b"seven"),
            ("POST / HTTP/1.1", "transfer-encoding: CHUNKED\r\n", SEVEN),
        ],
    )
    def test_unusual_but_clear(self, connection: Connection, start: str, headers: str, body: bytes) -> None:
        """What has one reading is read, and the next request begins behind it."""
        assert connection.ask(request(start, headers) + body)["body"] == "seven"
        assert connection.ask(SECOND)["path"] == "/second"


class Broken(asyncio.Transport):
    """A connection that broke: closed, and deaf to what is written, before anybody is told."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False

    def is_closing(self) -> bool:
        return self.broken

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert data
        if self.broken:
            raise RuntimeError("the handler is closed")

    def close(self) -> None:
        """It is."""


@pytest.mark.parametrize("stalled", [False, True], ids=["at once", "behind what was not taken yet"])
def test_answer_to_a_broken_connection(caplog: pytest.LogCaptureFixture, *, stalled: bool) -> None:
    """Who breaks a connection just before its answer makes no fault of the service, nor a stack trace in its log."""
    failures: list[BaseException] = []
    wire = Broken()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        wire.broken = not stalled
        try:
            await Response(b"seven")(scope, receive, send)
        except BaseException as error:
            failures.append(error)
            raise

    async def scenario() -> None:
        config = uvicorn.Config(answer, http=HttpProtocol, ws="none", lifespan="off", log_config=None)
        config.load()
        connection = HttpProtocol(config, ServerState(), {})
        connection.connection_made(wire)
        if stalled:
            connection.pause_writing()
        connection.data_received(SECOND)
        for _ in range(5):
            await asyncio.sleep(0)
        wire.broken = True
        connection.resume_writing()
        for _ in range(5):
            await asyncio.sleep(0)
        connection.connection_lost(None)

    asyncio.run(scenario())
    assert failures == []
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
