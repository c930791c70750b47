"""HTTP/1.1 as uvicorn and httptools speak it, but for offers to upgrade, what is no HTTP, and who asks too much.

What is refused here costs a small part of what an answer costs: the application never sees it.
"""

import asyncio
import math
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import httptools
from fastapi import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app import metrics
from app.errors import (
    DeadlineExceededError,
    DigitsError,
    OverloadedError,
    ShuttingDownError,
    UploadTimeoutError,
)
from app.flow import Flow
from app.gate import CALLER, GATE_KEY, Caller, Gate
from app.headers import GUARD
from app.heads import LONG_HEAD, MAX_HEAD, announced, complaint, patience
from app.problems import count_problem, error_response, problem_response, refusal_response

SLOWEST_LINE: Final = 8 * 1024
"""Bytes a second; a body that comes more slowly for long is not waited for."""

MOST_SWALLOWED: Final = 2**24
"""Bytes of a refused request's body that are read, so that its sender comes to read the refusal."""

_CALLER_KEY: Final = "caller"
"""Where in a request's state its caller lies."""

_TUNNEL: Final = b"CONNECT"

_PROBES: Final = (b"/health/", b"/metrics", b"/v2/health/", b"/v2/models/", b"/v1/models/")
"""What is asked of these with GET or HEAD are the probes, and what is as cheap or tells of overload: they are neither
refused nor made to wait."""

_READING: Final = (b"GET", b"HEAD")

PIECE: Final = 512
"""Bytes that are parsed at a time where requests begin: about as many as a browser's headers have."""

WORK: Final = 1024
"""What one connection may cost before others have their turn, in calls that hand on a part of a body."""

HEAD_WORK: Final = 64
"""What a piece costs in which a request begins, or goes on to."""


class HttpProtocol(HttpToolsProtocol):
    """One connection.

    A request that offers to go on in another protocol, as curl's --http2 and Java's client do with HTTP/2, is answered
    as if it had not: httptools takes its body for the other protocol's first words, so the request is parsed again.

    A network's packet may bring thousands of small requests: only a few are parsed at a time, and no more while one
    waits for the answer to another. Whoever sends so many would hold up everybody else, and fill the memory.
    """

    flow: Flow
    _unread = memoryview(b"")
    """What arrived and is not parsed."""
    _kept = 0
    """Bytes of it that count among those that are held."""
    _work = 0
    """What it has cost in this turn."""
    _will_go_on = False
    """Whether its turn will come."""

    _head = 0
    """Bytes that arrived since the last headers or piece of a body."""
    _began: float | None = None
    """When the client began what it is sending, or could have; None while nothing is expected of it."""
    _in_body = False
    """Whether a body is arriving."""
    _late = False
    """Whether the body did not come together with its headers."""
    _announced = 0
    """Bytes of it, as far as the headers say so."""
    _received = 0
    """Bytes of it."""
    _refused = False
    """Whether the rest of the request that is arriving is read for nothing: it was answered, or refused."""
    _last = False
    """Whether the connection ends with that request."""
    _deaf = False
    """Whether all that arrives is read for nothing: the last answer was given."""
    _stuck = 0
    """How many looks in a row found that the client does not read."""
    _malformed: str | None = None
    """What will be said of bytes that are no request, once the answers are complete that are owed before."""
    _serving: Caller | None = None
    """Whose request the application works at."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        if GATE_KEY not in app_state:
            # The application has no lifespan.
            app_state[GATE_KEY] = Gate()
        self._gate: Gate = app_state[GATE_KEY]
        self._application = self.app
        self.app = self._serve
        self._caller = Caller(self._gate, math.inf)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and close the connection that has been idle longest if there are too many."""
        super().connection_made(transport)
        self.flow = Flow(transport)
        gate = self._gate
        gate.idle[self] = None
        gate.opened += 1
        self._began = self.loop.time()
        self._timer = self.loop.call_later(gate.upload_timeout, self._look)
        if len(self.connections) > gate.connections:
            oldest = next(iter(gate.idle))
            del gate.idle[oldest]
            oldest.make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what was asked over this connection."""
        self._timer.cancel()
        self._gate.idle.pop(self, None)
        self._drop_unread()
        super().connection_lost(exc)
        if self._serving is not None:
            self._serving.leave()
        self._drop_requests()

    def _drop_requests(self) -> None:
        """Forget what was parsed ahead: the application never gets to see it."""
        for cycle, _ in self.pipeline:
            cycle.scope["state"][_CALLER_KEY].release()
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, or its beginning."""
        if self._malformed is not None:
            return
        if self._deaf:
            self._received += len(data)
            if self._received > MOST_SWALLOWED:
                self.transport.close()
            return
        self._late = self._in_body
        if self._unread:
            # Its turn will come.
            self._unread = memoryview(b"".join((self._unread, data)))
            self._keep()
        else:
            self._unread = memoryview(data)
            self._go_on()

    def _go_on(self) -> None:
        """Parse the rest of a request, or a few; the others later."""
        self._will_go_on = False
        self._forget()
        self._work = 0
        while self._unread and self._work < WORK and self._may_go_on() and self._parse_piece():
            pass
        if self.transport.is_closing() or self._malformed is not None:
            self._unread = self._unread[:0]
        self._keep()
        if self._unread and self._may_go_on():
            self._go_on_later()

    def _may_go_on(self) -> bool:
        """Whether more may be parsed: the next request once the one before has its answer and its client reads."""
        if self.transport.is_closing():
            return False
        return self._in_body or not (self.pipeline or self.flow.write_paused)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        if self._unread:
            self._go_on_later()

    def _keep(self) -> None:
        """Count what waits to be parsed, and read no more where that is much."""
        self._forget()
        self._kept = len(self._unread)
        self._gate.held += self._kept
        if self.transport.is_closing():
            return
        # Where nothing is read it is not noticed either that the client leaves.
        self.flow.hold(self._kept > MAX_HEAD)
        if self._kept and not self._in_body:
            # What is of a body is checked as it is parsed.
            try:
                self._gate.check_held()
            except OverloadedError as error:
                self._drop_unread()
                self._cut_off(error)

    def _go_on_later(self) -> None:
        if not self._will_go_on:
            self._will_go_on = True
            self._gate.later(self._go_on)

    def _drop_unread(self) -> None:
        """Forget what was not parsed."""
        self._forget()
        self._unread = self._unread[:0]

    def _forget(self) -> None:
        """Count the bytes no more that wait to be parsed."""
        self._gate.held -= self._kept
        self._kept = 0

    def _parse_piece(self) -> bool:
        """Parse a little of what arrived; say whether a request has begun to arrive in it, and is not whole."""
        self._unset_keepalive_if_required()
        if self._began is None:
            self._began = self.loop.time()
        if not self._in_body:
            self._work += HEAD_WORK
        size = max(PIECE, self._announced - self._received if self._in_body else 0)
        piece, self._unread = self._unread[:size], self._unread[size:]
        self._head += len(piece)
        try:
            left = self._parse(piece)
        except httptools.HttpParserError:
            left = piece[:0]
            self.send_400_response("This is not an HTTP/1.1 request. Let an HTTP library write it.")
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response(LONG_HEAD)
        if left:
            self._unread = memoryview(b"".join((left, self._unread)))
        return self._malformed is None and self._sending()

    def on_headers_complete(self) -> None:
        """Hand the request to the application, unless it is refused or will be parsed again."""
        self._head = 0
        if self.transport.is_closing() or self._malformed is not None:
            self._refused = True
            return
        method = self.parser.get_method()
        if (found := complaint(method, self.url, self.parser.get_http_version(), self.headers)) is not None:
            self._refused = True
            self.send_400_response(found)
            return
        if self.parser.should_upgrade():
            return
        now = self.loop.time()
        self._gate.idle.pop(self, None)
        length = announced(self.headers)
        probe = method in _READING and self.url.startswith(_PROBES)
        try:
            # A refusal would overtake an answer that is owed; only so many bytes are read ahead.
            if not probe and not self._owed():
                self._gate.check(length)
                self._gate.check_connections(len(self.connections) - len(self._gate.idle))
        except OverloadedError as error:
            self._refuse(error)
            return
        finally:
            self._began, self._in_body, self._announced, self._received = now, True, length, 0
        self._caller = self.scope["state"][_CALLER_KEY] = Caller(
            self._gate, now + patience(self.headers, self._gate.timeout), probe=probe
        )
        try:
            super().on_headers_complete()
        except httptools.HttpParserError:
            # The target is none; what is owed is so for earlier requests.
            self._in_body = False
            raise
        # uvicorn reads no more while one request waits for another; here `_keep` bounds what is read.
        self.flow.resume_reading()
        if self._gate.draining:
            # The client takes its next request elsewhere.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body to the application, if there is room for it."""
        self._head = 0
        self._work += 1
        self._received += len(body)
        if self._refused:
            if self._received > MOST_SWALLOWED:
                self.transport.close()
            return
        if not self.cycle.response_complete:
            try:
                self._caller.hold(len(body))
            except OverloadedError as error:
                self._cut_off(error, arriving=True)
                return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Tell the application that the request is whole."""
        self._head = 0
        if self.parser.should_upgrade():
            return
        self._began, self._in_body = None, False
        if self.transport.is_closing():
            return
        if self._last:
            self.transport.close()
            return
        if self._refused:
            self._refused = False
            self._began = self.loop.time()
            self._gate.idle[self] = None
            return
        if self.cycle.response_complete:
            self._gate.idle[self] = None
            return
        if self._late and not self.pipeline:
            # It was let in with its headers, and others have come since.
            try:
                self._gate.check()
            except OverloadedError as error:
                self._in_body = True
                self._cut_off(error)
                return
        self._caller.arrived()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request."""
        super().on_response_complete()
        if self._malformed is not None and not self.transport.is_closing():
            self.send_400_response(self._malformed)
        if not self._in_body and self.cycle.response_complete and not self.transport.is_closing():
            self._gate.idle[self] = None
        if self._unread and not self.pipeline:
            self._unset_keepalive_if_required()
            self._go_on_later()

    def shutdown(self) -> None:
        """Let the client finish what it is sending, for as long as the server waits; then end the connection."""
        self._gate.draining = True
        sending = bool(self._unread) or self._sending()
        if sending:
            patience = self.config.timeout_graceful_shutdown or 0
            # In time for an answer: at the end of its patience the server cancels what is left.
            self.loop.call_later(0.8 * patience, self._end)
        if self._in_body or not sending:
            super().shutdown()

    def make_room(self) -> None:
        """Close, for another connection's sake."""
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request with a problem, when it is its turn, and end the connection."""
        self._malformed = msg
        if not self._owed():
            self._write(problem_response(HTTPStatus.BAD_REQUEST, "malformed_request", msg, {"Connection": "close"}))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, unless that has become pointless."""
        caller: Caller = scope["state"][_CALLER_KEY]
        CALLER.set(caller)
        self._serving = caller
        self._gate.serving += 1
        cycle: RequestResponseCycle = send.__self__  # type: ignore[attr-defined]  # uvicorn's own

        async def send_while_open(message: Message) -> None:
            # Where a connection breaks uvloop tells so later, and until then cannot bear that anybody writes.
            try:
                if not self.transport.is_closing():
                    await send(message)
            except RuntimeError:
                # It broke while the client had still to take what was sent before.
                if not self.transport.is_closing():
                    raise
            if self.transport.is_closing() and not cycle.response_complete:
                caller.leave()
                cycle.disconnected = True

        last = self._arriving(cycle) or not cycle.keep_alive
        respond = self._lingering(cycle, send_while_open) if last else send_while_open
        try:
            try:
                if not caller.probe:
                    await self._gate.turn()
                caller.check(self.loop.time())
            except DeadlineExceededError as error:
                metrics.unrouted(caller.told if caller.gone else HTTPStatus.GATEWAY_TIMEOUT)
                await error_response(scope["path"], error, GUARD)(scope, receive, respond)
            else:
                await self._application(scope, receive, respond)
        except asyncio.CancelledError:
            # The server has waited as long as it does when it ends. What was begun already cannot be taken back.
            with suppress(RuntimeError):
                stopped = ShuttingDownError("The service was stopped before it came to this request. Send it again.")
                await error_response(scope["path"], stopped, GUARD)(scope, receive, respond)
        finally:
            caller.release()
            self._gate.serving -= 1
            self._serving = None

    def _refuse(self, error: OverloadedError) -> None:
        """Answer at once, and let the rest of the request pass by."""
        self._refused = True
        self._gate.idle[self] = None
        # Whoever waits to be told to go on may never send the body.
        last = self.expect_100_continue or self._gate.draining or not self.parser.should_keep_alive()
        self.transport.write(_refusal(self.url.startswith((b"/v1/", b"/v2/")), str(error), last))
        count_problem(OverloadedError)
        metrics.unrouted(HTTPStatus.SERVICE_UNAVAILABLE)
        if self.expect_100_continue:
            self.transport.close()
        elif last:
            self._linger()

    def _lingering(self, cycle: RequestResponseCycle, send: Send) -> Send:
        """Send an answer that ends the connection, but end it only when the client has read it."""

        async def send_and_linger(message: Message) -> None:
            ends = message["type"] == "http.response.body" and not message.get("more_body", False)
            ahead = bool(self._unread or self.pipeline)
            if not (ends and (ahead or self._arriving(cycle))) or cycle.keep_alive:
                await send(message)
                return
            # Or the server would close as soon as the answer is sent.
            cycle.keep_alive = True
            self._drop_requests()
            await send(message)
            if self._arriving(cycle):
                if self.expect_100_continue:
                    self.transport.close()
                else:
                    self._linger()
            elif ahead:
                self._deaf = True
                self._drop_unread()
                self.flow.hold(False)
                self._linger()
            else:
                self.transport.close()

        return send_and_linger

    def _arriving(self, cycle: RequestResponseCycle) -> bool:
        return self._in_body and self.cycle is cycle

    def _linger(self) -> None:
        """Say no more, but read what the client is sending, up to a bound, before the connection is closed.

        Closing with bytes unread resets the connection: whoever is still sending may never get to see the answer
        (RFC 9112, section 9.6). A proxy loses it too.
        """
        if self.transport.is_closing():
            return
        self._refused = self._last = True
        self._began, self._received = self.loop.time(), 0
        self.transport.write_eof()
        self.flow.resume_reading()

    def _cut_off(self, error: DigitsError, *, arriving: bool = False) -> None:
        """Answer a request that is arriving, if it is its turn, and end the connection; read on if more is coming."""
        under_way = self._in_body and not self._refused
        told = metrics.UNANSWERED
        if self._owed() or (self._in_body and (self._refused or self.cycle.response_started)):
            self.transport.close()
        else:
            response = error_response(self.url.decode("latin-1") if self._in_body else "", error)
            told = response.status_code
            # What the application has begun with counts there.
            self._write(response, count=not under_way, linger=arriving)
        if under_way:
            # The application is not to go on with it.
            self._caller.leave(told)
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._refused = True

    def _owed(self) -> bool:
        """Whether an answer to an earlier request is not complete."""
        if self._in_body and not self._refused:
            return bool(self.pipeline)
        return self.cycle is not None and not self.cycle.response_complete

    def _sending(self) -> bool:
        """Whether a request has begun to arrive and is not whole."""
        return self._began is not None and (self._in_body or self._head > 0)

    def _end(self) -> None:
        """Wait no longer for what the client is sending."""
        if self._sending() and not self.transport.is_closing():
            self._cut_off(ShuttingDownError("The service was stopped before the request had arrived. Send it again."))

    def _look(self) -> None:
        """Close where the client takes too long to send or to read; look again when that may next be so.

        One timer for each connection costs less than several for each request.
        """
        now, patience = self.loop.time(), self._gate.upload_timeout
        self._stuck = self._stuck + 1 if self.transport.is_closing() or self.flow.write_paused else 0
        if self._stuck > 1:
            self.transport.abort()
            return
        due = math.inf
        if self._began is not None and not self.flow.read_paused and not self._owed():
            due = self._began + patience + self._received / SLOWEST_LINE * self._in_body
        if now >= due and not self.transport.is_closing():
            if self._sending():
                self._cut_off(UploadTimeoutError("The request came too slowly. Send it again over a faster line."))
            else:
                self.transport.close()
        self._timer = self.loop.call_at(min(max(due, now + 0.001), now + patience), self._look)

    def _write(self, response: Response, *, count: bool = True, linger: bool = False) -> None:
        """Send a response that no application gave, and end the connection."""
        self.transport.write(_raw(response))
        if count:
            metrics.unrouted(response.status_code)
        if linger:
            self._linger()
        else:
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


def _raw(response: Response) -> bytes:
    """A response as it goes over the wire, with the headers that the application adds to its own."""
    response.headers.update(GUARD)
    head = [name + b": " + value + b"\r\n" for name, value in response.raw_headers]
    return b"".join([STATUS_LINE[response.status_code], *head, b"\r\n", bytes(response.body)])


@cache
def _refusal(plain: bool, detail: str, last: bool) -> bytes:
    """A refusal as it goes over the wire; there are few, and each is needed thousands of times a second."""
    response = refusal_response("/v2" if plain else "", OverloadedError(detail))
    if last:
        response.headers["Connection"] = "close"
    return _raw(response)
