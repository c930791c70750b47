"""Who asks too much, too slowly or too late is refused before the application sees it; probes are not."""

import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import ClientDisconnect

from app import problems
from app.errors import DeadlineExceededError
from app.gate import CALLER, GATE_KEY, Gate
from app.heads import DEADLINE_HEADER
from app.logs import ACCESS
from app.metrics import UNMATCHED
from app.problems import MEDIA_TYPE, PLAIN_TYPE
from app.protocol import MOST_SWALLOWED, PIECE, WORK, HttpProtocol, _refusal
from app.watch import Watch
from tests.app.test_metrics import current, told
from tests.app.test_protocol import PATIENCE, Answer, Connection, connected, request


@dataclass
class Served:
    """A running server whose application answers when it is told to."""

    port: int
    gate: Gate
    server: uvicorn.Server
    asked: list[str] = field(default_factory=list)
    """Paths that the application saw."""
    left: list[str] = field(default_factory=list)
    """Paths whose callers left, as the application noticed."""
    may_answer: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Tell the server to end."""
        self.server.should_exit = True


@contextmanager
def serving(gate: Gate, grace: int = 5, keep_alive: int = 5) -> Iterator[Served]:
    """Run a server with this gate until the block ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        yield {GATE_KEY: gate}

    application = FastAPI(lifespan=lifespan)
    problems.install(application)
    application.add_middleware(Watch, frozenset[str](), log=True)

    @application.api_route("/{path:path}", methods=["GET", "POST"])
    async def answer(request: Request) -> Response:
        path = request.url.path
        running.asked.append(path)
        if path == "/refused":
            # Before its body is read.
            return Response('{"bytes": 0}', 413, {"Connection": "close"}, "application/json")
        try:
            body = await request.body()
        except ClientDisconnect:
            running.left.append(path)
            return Response()
        if path == "/large":
            return Response(bytes(2**24))
        caller = CALLER.get()
        assert caller is not None
        if path.startswith("/wait"):
            caller.step_aside()
            try:
                with caller.patience():
                    while not running.may_answer.is_set():  # noqa: ASYNC110  # it is set by another thread
                        await anyio.sleep(0.01)
            except DeadlineExceededError:
                running.left.append(path)
                raise
        return Response(f'{{"bytes": {len(body)}}}', media_type="application/json")

    config = uvicorn.Config(
        application, port=0, http=HttpProtocol, ws="none", log_config=None, access_log=False,
        timeout_graceful_shutdown=grace, timeout_keep_alive=keep_alive,
    )  # fmt: skip
    running = Served(0, gate, uvicorn.Server(config))
    thread = threading.Thread(target=running.server.run)
    thread.start()
    until(lambda: running.server.started)
    running.port = running.server.servers[0].sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        running.stop()
        running.may_answer.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread brings about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def post(path: str = "/a", body: bytes = b"seven", headers: str = "") -> bytes:
    return request(f"POST {path} HTTP/1.1", headers, body)


def get(path: str) -> bytes:
    return request(f"GET {path} HTTP/1.1")


def turns_of(gate: Gate) -> list[Callable[[], None]]:
    """What a gate puts off, as it does so."""
    later, turns = gate.later, list[Callable[[], None]]()

    def note(work: Callable[[], None]) -> None:
        turns.append(work)
        later(work)

    gate.later = note  # type: ignore[method-assign]
    return turns


def batches(body: bytes, count: int) -> Iterator[bytes]:
    """Cut a body into so many parts, or fewer."""
    size = -(-len(body) // count)
    return (body[start : start + size] for start in range(0, len(body), size))


def sent_before_the_end(connection: Connection, packet: bytes, most: int) -> int:
    """How often a packet can be sent before the server ends the connection; fails where it never does."""
    for sent in range(most):
        try:
            connection.send(packet)
        except (BrokenPipeError, ConnectionResetError):
            return sent
    raise AssertionError("The connection never ended.")


def assert_problem(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    assert (answer.content["status"], answer.content["code"]) == (status, code)
    assert answer.content["detail"].endswith(".")


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(Gate(queue=8, held_bytes=1000, connections=16)) as running:
        yield running


@pytest.fixture
def connection(served: Served) -> Iterator[Connection]:
    with connected(served.port) as fresh:
        yield fresh


class TestQueue:
    def test_full(self, served: Served, connection: Connection) -> None:
        """Where the queue is full, the answer comes at once, says when to try again, and costs no connection."""
        served.gate.waiting = 8
        for _ in range(3):
            connection.send(post())
            answer = connection.answer()
            assert_problem(answer, 503, "overloaded")
            assert answer.headers["retry-after"] == "1"
        assert served.asked == []
        served.gate.waiting = 0
        assert connection.ask(post())["bytes"] == 5
        assert served.gate.waiting == 0

    def test_refusals_are_counted(self, served: Served, connection: Connection) -> None:
        """Each by status and by code, in every protocol; the first, whose words are new, once like the others."""

        def counted() -> tuple[float, float]:
            text = current()
            return (
                told(text, "digits_requests_total", route=UNMATCHED, status="503"),
                told(text, "digits_problems_total", code="overloaded"),
            )

        _refusal.cache_clear()
        requests, problems_ = counted()
        served.gate.waiting = 8
        for path in ("/a", "/a", "/v2/models/default/infer"):
            connection.send(post(path))
            assert connection.answer().status == 503
        assert counted() == (requests + 3, problems_ + 3)

    def test_work_that_comes_too_late_is_counted(self, served: Served, connection: Connection) -> None:
        """So is what the server answers by itself later on."""
        before = told(current(), "digits_requests_total", route=UNMATCHED, status="504")
        connection.send(post(headers=f"{DEADLINE_HEADER.decode()}: 0\r\n"))
        assert connection.answer().status == 504
        assert served.asked == []
        assert told(current(), "digits_requests_total", route=UNMATCHED, status="504") == before + 1

    @pytest.mark.parametrize(
        "path", ["/health/live", "/health/ready", "/metrics", "/v2/health/ready", "/v1/models/default"]
    )
    def test_probes_pass(self, served: Served, connection: Connection, path: str) -> None:
        """A probe is answered however long the queue."""
        served.gate.waiting = 8
        connection.send(get(path))
        assert connection.answer().status == 200
        assert served.asked == [path]

    def test_plain_protocols(self, served: Served, connection: Connection) -> None:
        """Clients of other servers are told in their protocol's way."""
        served.gate.waiting = 8
        connection.send(post("/v2/models/default/infer"))
        answer = connection.answer()
        assert (answer.status, answer.headers["content-type"]) == (503, PLAIN_TYPE)
        assert set(answer.content) == {"error"}

    def test_body_that_comes_later(self, served: Served, connection: Connection) -> None:
        """A refused request's body passes by, in whatever pieces it comes; the next request is read from its start."""
        served.gate.waiting = 8
        whole = post(body=b"GET / HTTP/1.1\r\nHost: service\r\n\r\n" * 3)
        connection.send(whole[:-40], whole[-40:-10], whole[-10:])
        assert_problem(connection.answer(), 503, "overloaded")
        served.gate.waiting = 0
        assert connection.ask(post())["bytes"] == 5
        assert served.asked == ["/a"]

    def test_large_body(self, served: Served, connection: Connection) -> None:
        """Of a refused body no more is read than its sender needs to notice."""
        served.gate.waiting = 8
        head = request("POST /a HTTP/1.1", f"Content-Length: {2**30}\r\n")
        connection.send(head)
        assert_problem(connection.answer(), 503, "overloaded")
        assert sent_before_the_end(connection, bytes(2**20), 100) >= MOST_SWALLOWED // 2**20

    def test_body_on_hold(self, served: Served, connection: Connection) -> None:
        """Who waits to be told to send the body is refused, and the connection ends: the body may come or not."""
        served.gate.waiting = 8
        connection.send(request("POST /a HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 5\r\n"))
        assert_problem(connection.answer(), 503, "overloaded")
        assert connection.ended()

    def test_no_refusal_overtakes_an_answer(self, served: Served, connection: Connection) -> None:
        """Of requests that follow without waiting, each gets its own answer in its turn."""
        connection.send(post("/wait"))
        until(lambda: served.asked == ["/wait"])
        served.gate.waiting = 8
        connection.send(post("/b"))
        served.may_answer.set()
        assert [connection.answer().status for _ in range(2)] == [200, 200]

    @pytest.mark.parametrize(
        "malformed",
        [b"nonsense\r\n\r\n", request(headers="Host: b\r\n"), request(headers="Host: b\r\n", body=b"seven")],
        ids=["nonsense", "two hosts", "two hosts and a body"],
    )
    def test_no_complaint_overtakes_an_answer(self, served: Served, connection: Connection, malformed: bytes) -> None:
        """What follows a request and is none is answered after it; what comes behind that is not looked at."""
        connection.send(post("/wait") + get("/b") + malformed + get("/c"), get("/d"))
        until(lambda: served.asked == ["/wait"])
        served.may_answer.set()
        assert [connection.answer().status for _ in range(2)] == [200, 200]
        assert_problem(connection.answer(), 400, "malformed_request")
        assert connection.ended()
        assert served.asked == ["/wait", "/b"]

    def test_late_body(self, served: Served, connection: Connection) -> None:
        """A request that was let in and whose body completes when the queue is full is refused then."""
        whole = post()
        connection.send(whole[:-2])
        until(lambda: served.asked == ["/a"])
        served.gate.waiting = 8
        connection.send(whole[-2:])
        assert_problem(connection.answer(), 503, "overloaded")
        assert connection.ended()
        until(lambda: served.gate.held == 0)


class TestBytes:
    def test_announced(self, served: Served, connection: Connection) -> None:
        """A body that would not fit beside the others is refused by its length; one that fits is read."""
        served.gate.held = 500
        connection.send(post(body=b"7" * 501))
        assert_problem(connection.answer(), 503, "overloaded")
        assert connection.ask(post(body=b"7" * 500))["bytes"] == 500
        until(lambda: served.gate.held == 500)

    def test_unannounced(self, served: Served, connection: Connection) -> None:
        """A body without a length is cut off where there is no room for more, and all is given back."""
        connection.send(request("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\n"))
        connection.send(b"200\r\n" + bytes(512) + b"\r\n")
        connection.send(b"200\r\n" + bytes(512) + b"\r\n")
        assert_problem(connection.answer(), 503, "overloaded")
        assert connection.ended()
        until(lambda: served.gate.held == 0)

    def test_large_and_unannounced(self) -> None:
        """So it is where it comes faster than it is parsed: the refusal reaches a client that sends it all first."""
        body = b"%x\r\n%s\r\n" % (2**22, bytes(2**22))
        with serving(Gate(held_bytes=300_000)) as served, connected(served.port) as connection:
            connection.send(request("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\n") + body + b"0\r\n\r\n")
            assert_problem(connection.answer(), 503, "overloaded")
            assert connection.ended()
            until(lambda: served.gate.held == 0)

    def test_rest_is_read(self, served: Served, connection: Connection) -> None:
        """An answer that ends the connection before the body is there reaches a client that sends it all first."""
        body = bytes(2**23)
        connection.send(request("POST /refused HTTP/1.1", f"Content-Length: {len(body)}\r\n"))
        until(lambda: served.asked == ["/refused"])
        connection.send(*[body[: 2**20]] * 8)
        assert connection.answer().status == 413
        assert connection.ended()
        until(lambda: not served.server.server_state.connections)

    def test_rest_is_bounded(self, connection: Connection) -> None:
        """Only so much of what such a client sends is read."""
        connection.send(request("POST /refused HTTP/1.1", f"Content-Length: {2**30}\r\n"))
        assert connection.answer().status == 413
        assert sent_before_the_end(connection, bytes(2**20), 100) >= MOST_SWALLOWED // 2**20

    def test_rest_that_does_not_come(self) -> None:
        """A client that sends nothing more is waited for no longer than others."""
        with serving(Gate(upload_timeout=0.3)) as served, connected(served.port) as connection:
            connection.send(request("POST /refused HTTP/1.1", "Content-Length: 9\r\n"))
            assert connection.answer().status == 413
            until(lambda: not served.server.server_state.connections)

    def test_client_that_leaves(self, served: Served) -> None:
        """What a client sent that leaves, with requests under way and waiting, is given back."""
        with connected(served.port) as leaving:
            leaving.send(post("/wait", b"7" * 400) + post("/b", b"7" * 100) + post("/c", b"7" * 100))
            until(lambda: served.gate.held > 400)
        until(lambda: served.gate.held == 0)
        assert served.left == ["/wait"]
        assert served.asked == ["/wait"]


class TestReadAhead:
    """Clients that send many requests without waiting for answers."""

    COUNT = 5000

    @pytest.fixture
    def served(self) -> Iterator[Served]:
        with serving(Gate(queue=8, held_bytes=2**22)) as running:
            yield running

    def test_few_wait_in_line(self, served: Served, connection: Connection) -> None:
        """Of thousands that came at once few are parsed while one waits; the bytes of the others count as held."""
        connection.send(get("/wait") + get("/next") * self.COUNT)
        until(lambda: served.asked == ["/wait"] and served.gate.held > PIECE)
        [protocol] = served.server.server_state.connections
        assert isinstance(protocol, HttpProtocol)
        assert len(protocol.pipeline) <= PIECE // len(get("/next")) + 1
        served.may_answer.set()
        for _ in range(self.COUNT + 1):
            assert connection.answer().status == 200
        assert served.asked == ["/wait"] + ["/next"] * self.COUNT
        assert served.gate.held == 0

    def test_what_does_not_fit(self) -> None:
        """A client that sends more ahead than there is room for loses its connection."""
        with serving(Gate(held_bytes=1000)) as served, connected(served.port) as connection:
            connection.send(get("/wait") + get("/next") * 100)
            assert connection.ended()
            until(lambda: served.gate.held == 0)

    def test_others_have_their_turn(self, served: Served, connection: Connection) -> None:
        """Requests that are refused as they are parsed are parsed a few at a time as well."""
        turns = turns_of(served.gate)
        served.gate.waiting = 8
        sent = post("/flood") * self.COUNT
        connection.send(sent + get("/health/live"))
        for _ in range(self.COUNT):
            assert_problem(connection.answer(), 503, "overloaded")
        assert connection.answer().status == 200
        assert served.asked == ["/health/live"]
        # Each packet's first piece is parsed as it comes.
        assert len(turns) > len(sent) / PIECE / 2

    def test_refusals_that_nobody_reads(self, served: Served) -> None:
        """A client that reads no refusals gets no more of them, instead of filling the memory with them."""
        served.gate.waiting = 8
        with socket.create_connection(("127.0.0.1", served.port), 1) as peer:
            with pytest.raises(TimeoutError):
                peer.sendall(post("/flood") * 500_000)
            [protocol] = served.server.server_state.connections
            assert isinstance(protocol, HttpProtocol)
            assert protocol.transport.get_write_buffer_size() < 2**18

    def test_large_upload_without_a_length(self, served: Served, connection: Connection) -> None:
        """A packet of a body is parsed in one turn, if it is not cut into thousands of parts."""
        head = request("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\n")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (2**21, bytes(2**21))
        turns = turns_of(served.gate)
        assert connection.ask(head + body)["bytes"] == 2**21
        assert turns == []
        parts = b"1\r\n7\r\n" * 20_000
        assert connection.ask(head + parts + b"0\r\n\r\n")["bytes"] == 20_000
        assert len(turns) >= 20_000 // WORK - 1

    def test_target_that_is_none(self, served: Served, connection: Connection) -> None:
        """It is told so once the request before has its answer."""
        connection.send(get("/wait") + request("GET http://[ HTTP/1.1"))
        until(lambda: served.asked == ["/wait"])
        served.may_answer.set()
        assert connection.answer().status == 200
        assert_problem(connection.answer(), 400, "malformed_request")
        assert connection.ended()

    def test_connections_that_end_when_idle(self) -> None:
        """Not before what was sent ahead has its answers."""
        with serving(Gate(), keep_alive=0) as served, connected(served.port) as connection:
            connection.send(get("/a") * 200)
            assert {connection.answer().status for _ in range(200)} == {200}
            assert connection.ended()

    def test_last_request(self, served: Served, connection: Connection) -> None:
        """What follows a request that ends the connection is read for nothing: its answer arrives, and nothing more."""
        last = request("GET /last HTTP/1.1", "Connection: close\r\n")
        connection.send(get("/a") + last + get("/next") * self.COUNT)
        assert connection.answer().status == 200
        assert connection.answer().headers["connection"] == "close"
        assert connection.ended()
        assert served.asked == ["/a", "/last"]
        until(lambda: served.gate.held == 0)

    def test_endless_requests_behind_the_last(self, served: Served, connection: Connection) -> None:
        """It is read up to a bound."""
        connection.send(request("GET /last HTTP/1.1", "Connection: close\r\n") + get("/next") * self.COUNT)
        assert connection.answer().status == 200
        assert sent_before_the_end(connection, get("/next") * 20_000, 100) >= MOST_SWALLOWED // (20_000 * 40)
        until(lambda: not served.server.server_state.connections)

    def test_shutdown(self) -> None:
        """A connection with requests sent ahead is told that it ends."""
        with serving(Gate()) as served, connected(served.port) as connection:
            connection.send(get("/a") * self.COUNT)
            assert connection.answer().status == 200
            served.stop()
            answers: list[Answer] = []
            while not answers or "connection" not in answers[-1].headers:
                answers.append(connection.answer())
                assert len(answers) < self.COUNT
            assert answers[-1].headers["connection"] == "close"
            assert connection.ended()

    @pytest.mark.parametrize("length", [1, PIECE - 1, PIECE, PIECE + 1, 20 * PIECE, 300_000])
    def test_bodies(self, connection: Connection, length: int) -> None:
        """Bodies, of known and of unknown length, are whole wherever the pieces end that are parsed at a time."""
        body = b"7" * length
        chunked = request("POST /b HTTP/1.1", "Transfer-Encoding: chunked\r\n")
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in batches(body, 100)) + b"0\r\n\r\n"
        connection.send((post(body=body) + chunked + chunks) * 2 + get("/c"))
        sizes = [connection.answer().content["bytes"] for _ in range(5)]
        assert sizes == [length] * 4 + [0]

    def test_client_that_leaves(self, served: Served) -> None:
        """What it sent ahead is given back."""
        with connected(served.port) as leaving:
            leaving.send(get("/wait") + get("/next") * self.COUNT)
            until(lambda: served.gate.held > PIECE)
        served.may_answer.set()
        until(lambda: served.gate.held == 0 and not served.server.server_state.connections)


class TestDeadlines:
    def test_of_the_header(self, served: Served, connection: Connection) -> None:
        """A request that waits beyond the time its caller allows ends with 504."""
        connection.send(post("/wait", headers=f"{DEADLINE_HEADER.decode()}: 20\r\n"))
        assert_problem(connection.answer(), 504, "deadline_exceeded")
        assert served.left == ["/wait"]

    def test_already_passed(self, served: Served, connection: Connection) -> None:
        """Work without time for it is not begun."""
        connection.send(post(headers=f"{DEADLINE_HEADER.decode()}: 0\r\n"))
        assert_problem(connection.answer(), 504, "deadline_exceeded")
        assert served.asked == []

    @pytest.mark.parametrize("value", ["soon", "-1", "1e3", "99999999999999", ""])
    def test_nonsense(self, served: Served, connection: Connection, value: str) -> None:
        """A value that is no number of milliseconds counts as none."""
        assert connection.ask(post(headers=f"{DEADLINE_HEADER.decode()}: {value}\r\n"))["bytes"] == 5
        assert served.asked == ["/a"]

    def test_of_the_setting(self) -> None:
        """Without a header, and against a longer one, the service's own limit holds."""
        with serving(Gate(timeout=0.02)) as served, connected(served.port) as connection:
            connection.send(post("/wait", headers=f"{DEADLINE_HEADER.decode()}: 60000\r\n"))
            assert_problem(connection.answer(), 504, "deadline_exceeded")
            assert served.left == ["/wait"]


class TestSlowClients:
    @pytest.fixture
    def served(self) -> Iterator[Served]:
        """A server without patience."""
        with serving(Gate(upload_timeout=0.3)) as running:
            yield running

    @pytest.mark.parametrize(
        "start",
        [
            b"P",
            b"POST /a HTTP/1.1\r\nHost: x\r\nX-Slow: ",
            b"POST /a HTTP/1.1\r\nHost: service\r\nContent-Length: 1000\r\n\r\n7",
            b"POST /a HTTP/1.1\r\nHost: service\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsev",
        ],
        ids=["method", "header", "body", "chunk"],
    )
    def test_stalled(self, served: Served, connection: Connection, start: bytes) -> None:
        """A request that stops half way is answered with 408, and its connection ends."""
        connection.send(start)
        assert_problem(connection.answer(), 408, "upload_timeout")
        assert connection.ended()
        until(lambda: served.gate.held == 0 and not served.gate.idle)

    @pytest.mark.parametrize(
        ("start", "route"),
        [
            (b"POST /read HTTP/1.1\r\nHost: x\r\nX-Slow: ", UNMATCHED),
            (b"POST /read HTTP/1.1\r\nHost: service\r\nContent-Length: 1000\r\n\r\n7", "/{path:path}"),
        ],
        ids=["header", "body"],
    )
    def test_counts_once(self, served: Served, caplog: pytest.LogCaptureFixture, start: bytes, route: str) -> None:
        """Whether the application had begun with it or not: one request, one problem, at most one line in the log."""

        def counts() -> dict[str, float]:
            found = {"408": told(current(), "digits_requests_total", route=route, status="408")}
            for family in text_string_to_metric_families(current()):
                if family.name in {"digits_requests", "digits_problems"}:
                    found[family.name] = sum(one.value for one in family.samples if one.name.endswith("_total"))
            return found

        before = counts()
        with caplog.at_level(logging.INFO, ACCESS), connected(served.port) as connection:
            connection.send(start)
            assert_problem(connection.answer(), 408, "upload_timeout")
            until(lambda: counts()["digits_requests"] > before.get("digits_requests", 0))
            until(lambda: served.gate.held == 0)
        assert {name: count - before.get(name, 0) for name, count in counts().items()} == dict.fromkeys(counts(), 1)
        lines = [record.getMessage() for record in caplog.records if record.name == ACCESS]
        assert lines == ([] if route == UNMATCHED else [f"POST {route} 408"])

    def test_dripping(self, served: Served, connection: Connection) -> None:
        """Bytes that come one by one do not win more time."""
        connection.send(b"POST /a HTTP/1.1\r\nHost: service\r\nX-Slow: ")
        assert sent_before_the_end(connection, b"7", 5000) > 0
        assert served.asked == []

    def test_silent(self, served: Served, connection: Connection) -> None:
        """A connection that never asks is closed without a word: browsers open some in advance."""
        assert connection.ended()
        assert served.asked == []

    def test_second_request(self, served: Served, connection: Connection) -> None:
        """The time counts anew for each request of a connection, and for the pause before it not at all."""
        for _ in range(3):
            assert connection.ask(post())["bytes"] == 5
            time.sleep(0.25)
        connection.send(post()[:-1])
        assert_problem(connection.answer(), 408, "upload_timeout")
        assert served.asked == ["/a"] * 4

    def test_waiting_for_an_answer_is_not_slow(self, served: Served, connection: Connection) -> None:
        """A client whose answer takes long is not cut off, even if its next request has begun to come."""
        connection.send(post("/wait") + b"POST /b HTTP/1.1\r\nHost: service\r\n")
        time.sleep(1.0)
        served.may_answer.set()
        assert connection.answer().status == 200

    def test_unread_answers(self, served: Served) -> None:
        """A client that does not read what it asked for is cut off in the end."""
        with connected(served.port) as connection:
            connection.send(get("/large"))
            until(lambda: served.asked == ["/large"])
            until(lambda: not served.server.server_state.connections)


class TestConnections:
    def test_longest_idle_makes_room(self, served: Served) -> None:
        """One connection too many closes the one that has been idle longest, whatever it was used for."""
        with connected(served.port) as first, connected(served.port) as second, ExitStack() as others:
            first.send(post())
            assert first.answer().status == 200
            for _ in range(15):
                others.enter_context(connected(served.port))
            assert second.ended()
            assert first.ask(post())["bytes"] == 5

    def test_requests_under_way_keep_theirs(self, served: Served) -> None:
        """Connections with requests under way are kept, newcomers may probe only."""
        with ExitStack() as stack:
            peers = [stack.enter_context(connected(served.port)) for _ in range(14)]
            for peer in peers:
                peer.send(post("/wait"))
            until(lambda: len(served.asked) == 14)
            connection = stack.enter_context(connected(served.port))
            connection.send(post())
            assert_problem(connection.answer(), 503, "overloaded")
            connection.send(get("/health/ready"))
            assert connection.answer().status == 200
            served.may_answer.set()
            assert {peer.answer().status for peer in peers} == {200}


class TestShutdown:
    def test_draining_closes_connections(self, served: Served, connection: Connection) -> None:
        """While the process drains, answers tell their clients to go elsewhere with the next request."""
        served.gate.draining = True
        connection.send(post())
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert connection.ended()

    @pytest.mark.parametrize("sent", [-10, -2], ids=["headers", "body"])
    def test_request_that_is_arriving(self, served: Served, connection: Connection, sent: int) -> None:
        """A request that has begun to arrive when the server ends is let in and answered."""
        whole = post()
        connection.send(whole[:sent])
        served.stop()
        until(lambda: served.gate.draining)
        connection.send(whole[sent:])
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")

    @pytest.mark.parametrize("sent", [-10, -2], ids=["headers", "body"])
    def test_upload_that_does_not_end(self, sent: int, caplog: pytest.LogCaptureFixture) -> None:
        """A request that does not arrive in time is told so with 503, in the usual words."""
        with serving(Gate(), grace=1) as served, connected(served.port) as connection:
            connection.send(post()[:sent])
            served.stop()
            assert_problem(connection.answer(), 503, "shutting_down")
            assert connection.ended()
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]

    def test_work_that_does_not_end(self) -> None:
        """Nor does work that takes longer than the server waits end in a plain 500."""
        with serving(Gate(), grace=1) as served, connected(served.port) as connection:
            connection.send(post("/wait"))
            until(lambda: served.asked == ["/wait"])
            served.stop()
            assert_problem(connection.answer(), 503, "shutting_down")
