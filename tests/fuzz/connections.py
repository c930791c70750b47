"""Targets: bytes on a connection, and whole requests to the whole application, its doors open or closed."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Any, Final, cast
from urllib.parse import unquote

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.server import ServerState

from app.application import create_app
from app.correlation import HEADER
from app.errors import FeedbackUnavailableError
from app.feedback.corrections import Correction
from app.feedback.intake import Intake
from app.heads import MAX_HEAD
from app.keys import digest_of
from app.problems import MEDIA_TYPE, PROBLEMS
from app.protocol import HttpProtocol
from app.routes.state import STATE_KEY
from app.settings import Settings
from tests import pictures
from tests.app.service import Client, body_messages, multipart, multipart_type, part, request_scope, serving
from tests.fuzz.bodies import _INFERENCE_SEEDS, _JSON_WORDS, _PICTURE, _UPLOAD_WORDS
from tests.fuzz.cases import MOST, MOST_PIECES, READ, Read, Target, simply, with_changed_lines

_CODES: Final = {code for _, code in PROBLEMS.values()} | {"not_found", "method_not_allowed"}

_STATUSES: Final = {int(status) for status, _ in PROBLEMS.values()} | {200, 201, 304, 404, 405}

_TRACE: Final = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Wire(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += data

    def close(self) -> None:
        """Remember it."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Nothing is sent by itself."""

    def resume_reading(self) -> None:
        """Nothing is sent by itself."""


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@cache
def _server() -> tuple[asyncio.AbstractEventLoop, uvicorn.Config]:
    config = uvicorn.Config(_echo, http=HttpProtocol, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    return asyncio.new_event_loop(), config


def _read_connection(case: bytes) -> str:
    """The first line are the sizes of the pieces, the last one recurs; the rest is what comes."""
    loop, config = _server()
    sizes, _, data = case.partition(b"\n")
    return loop.run_until_complete(_connection(sizes or b"\xff", data, config))


async def _connection(sizes: bytes, data: bytes, config: uvicorn.Config) -> str:
    wire = Wire()
    connection = HttpProtocol(config, ServerState(), {})
    connection.connection_made(wire)
    place = 0
    for index in range(len(data)):
        if place >= len(data) or wire.closed:
            break
        size = sizes[min(index, len(sizes) - 1)]
        # Few large numbers, many small ones.
        size = max(size if size < 128 else (size - 127) * 160, len(data) // MOST_PIECES, 1)
        connection.data_received(data[place : place + size])
        place += size
        assert connection._head <= MAX_HEAD + MOST
        for _ in range(3 * (size % 2)):
            await asyncio.sleep(0)
    for _ in range(6):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    for _ in range(3):
        await asyncio.sleep(0)
    statuses = re.findall(rb"HTTP/1.1 (\d+)", wire.written)
    assert set(statuses) <= {b"100", b"200", b"400"}
    assert statuses or not wire.written
    return b" ".join(sorted(set(statuses))).decode() or "nothing"


_HTTP_SEEDS: Final = [
    b"\xff\nGET /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x01\nPOST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nseven",
    b"\x40\x03\xff\nPOST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;x=y\r\nseven\r\n0\r\nTrailer: x\r\n\r\n",
    b"\x20\nPOST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\n"
    b"sevenGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\xff\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x07\nGET http://a/b?c=%00#d HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
    b"\xff\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]

_HTTP_WORDS: Final = (
    b"Content-Length: 5\r\n",
    b"Content-Length: 5, 6\r\n",
    b"Content-Length : 5\r\n",
    b"Content-Length: +5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n",
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\n",
    b"Upgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"X: " + b"a" * 60 + b"\r\n",
    b" folded\r\n",
    b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n",
    b"POST / HTTP/1.0\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n",
    b"ffffffffffffffffff\r\n",
    b"-1\r\n",
    b"0x5\r\n",
    b"0\r\n\r\n",
)


class _Kept:
    """A database that keeps nothing, and has no room for sevens."""

    def add(self, correction: Correction) -> None:
        """Look at it."""
        assert correction.picture.shape == (28, 28, 1)
        assert len(correction.probabilities) == 10
        if correction.label == "7":
            raise FeedbackUnavailableError("There is no room for it.")


_KEY: Final = "the-key"
_NAME: Final = "digits.example.org"


@contextmanager
def _application(*, closed: bool) -> Iterator[Read]:
    """The whole application on the committed model, with little room for bodies; and with its doors closed."""
    doors: dict[str, Any] = {
        "api_keys": (digest_of(_KEY.encode()).hex(),),
        "rate_limit": "1000000/second",
        "allowed_hosts": (_NAME, "*.example.com"),
        "cors_origins": ("https://example.org",),
        "hsts_seconds": 60,
    }
    settings = Settings(
        **(doors if closed else {}), max_bytes=4096, max_batch=4, max_batch_bytes=8192, watch_seconds=0, pool_threads=1
    )
    with serving(cast(ASGIApp, ProxyHeadersMiddleware(cast(Any, create_app(settings)), ["10.0.0.0/8"]))) as client:
        live = client.state[STATE_KEY]
        live.service = replace(live.service, intake=Intake(cast(Any, _Kept()), 90))
        yield partial(_ask, client)


def _ask(client: Client, case: bytes) -> str:
    """A request as HTTP has it, but with line feeds alone; what no server hands on is left out."""
    head, _, body = case.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    path, _, query = target.partition(b"?")
    scope = request_scope("/", {}, re.sub(rb"[^A-Z]", b"", method).decode() or "GET")
    scope["path"], scope["raw_path"], scope["query_string"] = unquote(path.decode("latin-1")), path, query
    scope["client"] = ("10.0.0.1", 1)
    for line in lines:
        name, _, value = line.partition(b":")
        scope["headers"].append((name.strip().lower(), value.strip(b" \t\r")))
    messages: list[Message] = [*body_messages(body), {"type": "http.disconnect"}]
    sent = client.exchange(scope, messages)
    return _checked(scope, sent)


def _checked(scope: Scope, sent: list[Message]) -> str:
    """Whether an answer is one of those that are documented; what it is called."""
    start, *pieces = sent
    status, headers = start["status"], dict(start["headers"])
    content = b"".join(piece.get("body", b"") for piece in pieces)
    assert not pieces[-1].get("more_body")
    assert status in _STATUSES, status
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert _TRACE.fullmatch(headers[HEADER.encode()])
    if status == 304 or scope["method"] in {"HEAD", "OPTIONS"}:
        return str(status)
    if status < 400:
        return READ
    found = json.loads(content)
    if headers[b"content-type"].decode() == MEDIA_TYPE:
        assert found["code"] in _CODES, found
        assert found["status"] == status
        assert found["detail"]
        return str(found["code"])
    assert set(found) == {"error"}, found
    return str(status)


def _request(line: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    lines = [line, *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\n".join(lines).encode("latin-1") + b"\n\n" + body


_PARENT: Final = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}


def _route_seeds() -> list[bytes]:
    seven = pictures.encode(pictures.seven(28, 28), "PNG")
    form = {"Content-Type": multipart_type("b")}
    one = multipart(part("file", seven, "7.png"), boundary="b")
    text = {"Content-Type": "application/json"}
    found = [
        _request("POST /predict", {"Content-Type": "image/png", **_PARENT}, seven),
        _request("POST /predict?explain=true", form, one),
        _request("POST /predict?explain=maybe", text, b'{"image": "%s"}' % _PICTURE),
        _request("POST /predict", {"Content-Type": "image/png", "Content-Length": "99999", "Content-Encoding": "gzip"}),
        _request("POST /predict/batch", form, multipart(*[part("file", seven)] * 3, part("x", b""), boundary="b")),
        _request("POST /read", {"Content-Type": "application/octet-stream"}, seven),
        _request("POST /feedback?label=3", form, one),
        _request("POST /feedback?label=7", {"Content-Type": "image/png"}, seven),
        _request("POST /feedback?label=10&label=not_a_digit", text, b'{"pixels": [[0]]}'),
        _request("GET /model"),
        _request("GET /metrics", {"Accept": "application/openmetrics-text"}),
        _request("GET /health/ready"),
        _request("HEAD /", {"Accept-Encoding": "gzip;q=0.5, br", "If-None-Match": '"x", W/"y"'}),
        _request("GET /static/0123/page.js"),
        _request("GET /openapi.json"),
        _request("GET /docs"),
        _request("GET /v2"),
        _request("GET /v2/models/default/versions/1/ready"),
        _request("GET /v1/models/default"),
        _request("POST /v1/models/default:predict", {}, b'{"instances": [{"b64": "%s"}]}' % _PICTURE),
    ]
    for seed in _INFERENCE_SEEDS:
        length, _, body = seed.partition(b"\n")
        headers = {"Inference-Header-Content-Length": length.decode()} if length else {}
        found.append(_request("POST /v2/models/default/infer", headers, body))
    return found


def _door_seeds() -> list[bytes]:
    host = {"Host": _NAME}
    basic = "Basic OnRoZS1rZXk="
    return [
        _request("GET /health/live", {"Host": "else.where"}),
        _request("GET /model", {**host, "Authorization": f"Bearer {_KEY}", **_PARENT}),
        _request("GET /model", {"Host": "a.example.com:80", "X-API-Key": _KEY}),
        _request(
            "GET /", {**host, "Authorization": basic, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        ),
        _request("GET /model", {**host, "Authorization": basic, "Sec-Fetch-Site": "same-site", "Accept": "text/html"}),
        _request("GET /model", {**host, "X-Forwarded-For": "203.0.113.9, ::ffff:1.2.3.4", "X-Forwarded-Proto": "wss"}),
        _request("GET /v1/models/x", {**host, "X-Forwarded-For": "[2001:db8::1]:80,unix:"}),
        _request(
            "OPTIONS /predict",
            {"Origin": "https://example.org", "Access-Control-Request-Method": "POST", **host},
        ),
        _request(
            "POST /predict", {"Origin": "null", "X-API-Key": _KEY, **host, "Content-Type": "image/png"}, b"GIF89a"
        ),
    ]


_REQUEST_WORDS: Final = (
    *(b"GET /", b"POST /", b"HEAD /", b"OPTIONS /", b"?explain=", b"?label=", b"&", b"%00", b"%ff", b"%2f", b"//"),
    *(b"/predict", b"/read", b"/feedback", b"/v2/models/default", b"/v1/models/default", b":predict", b"/infer"),
    *(b"Content-Type: ", b"Content-Length: 5", b"Content-Encoding: gzip", b"Authorization: Bearer ", b"X-API-Key: "),
    *(b"traceparent: 00-", b"X-Forwarded-For: ", b"X-Forwarded-Proto: ", b"Host: ", b"Origin: ", b"Accept-Encoding: "),
    *(b"If-None-Match: *", b"Sec-Fetch-Site: ", b"::1", b"127.0.0.1", b"\n", b"\n\n", b"\xff", b"\0"),
)

_changed_lines: Final = partial(with_changed_lines, words=_REQUEST_WORDS, end=b"\n")

TARGETS: Final[dict[str, Target]] = {
    "http": Target(
        lambda: _HTTP_SEEDS,
        simply(_read_connection),
        _HTTP_WORDS,
        partial(with_changed_lines, words=_HTTP_WORDS, end=b"\r\n"),
    ),
    "routes": Target(
        _route_seeds,
        partial(_application, closed=False),
        (*_REQUEST_WORDS, *_JSON_WORDS, *_UPLOAD_WORDS),
        _changed_lines,
        cases=200,
    ),
    "doors": Target(_door_seeds, partial(_application, closed=True), _REQUEST_WORDS, _changed_lines),
}
"""By name."""
