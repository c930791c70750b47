"""Runs the application as a server does, lifespan and all, and talks HTTP to it without a socket."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BOUNDARY = "the-boundary"


class Client:
    """An HTTP client of one running application."""

    def __init__(self, application: ASGIApp, state: dict[str, Any], portal: BlockingPortal) -> None:
        self._application = application
        self.state = state
        """What the lifespan yielded; a test may put something else there."""
        self._portal = portal

    def get(self, path: str) -> httpx.Response:
        """GET a path."""
        return self.request("GET", path)

    def predict(
        self,
        body: bytes | AsyncIterator[bytes],
        content_type: str | None = "image/png",
        explain: str | None = None,
    ) -> httpx.Response:
        """POST a body to /predict; an iterator is sent chunk by chunk, without its length."""
        headers = {} if content_type is None else {"content-type": content_type}
        query = {} if explain is None else {"explain": explain}
        return self.request("POST", "/predict", content=body, headers=headers, params=query)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send any request."""
        return self._portal.call(partial(self._request, method, path, **options))

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.with_state, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path, **options)

    def exchange(self, scope: Scope, messages: list[Message]) -> list[Message]:
        """Play one request message by message; the messages not taken stay in the list."""
        sent: list[Message] = []

        async def receive() -> Message:
            return messages.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        self._portal.call(self.with_state, scope, receive, send)
        return sent

    async def with_state(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, as a server calls it for a request."""
        await self._application({**scope, "state": dict(self.state)}, receive, send)


@contextmanager
def serving(application: ASGIApp) -> Iterator[Client]:
    """Start an application and shut it down at the end."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(_lifespan(application)) as state:
        yield Client(application, state, portal)


@asynccontextmanager
async def _lifespan(application: ASGIApp) -> AsyncIterator[dict[str, Any]]:
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    outbox: asyncio.Queue[Message] = asyncio.Queue()
    state: dict[str, Any] = {}

    async def run() -> None:
        await application({"type": "lifespan", "state": state}, inbox.get, outbox.put)

    task = asyncio.create_task(run())
    await inbox.put({"type": "lifespan.startup"})
    started = await outbox.get()
    assert started["type"] == "lifespan.startup.complete", started
    yield state
    await inbox.put({"type": "lifespan.shutdown"})
    assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
    await task


def request_scope(path: str, headers: dict[str, str], method: str = "POST") -> Scope:
    """What a server says about a request before its body."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "server": ("service", 80),
        "client": ("client", 1),
    }


def body_messages(*chunks: bytes) -> list[Message]:
    """A request's body as a server hands it over."""
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    return [*messages, {"type": "http.request", "body": b"", "more_body": False}]


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    """One part of a multipart body, without its boundary."""
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"\r\nContent-Type: application/octet-stream'
    return disposition.encode() + b"\r\n\r\n" + content + b"\r\n"


def multipart(*parts: bytes, boundary: str = BOUNDARY) -> bytes:
    """A whole multipart body."""
    line = f"--{boundary}".encode()
    return b"".join(line + b"\r\n" + content for content in parts) + line + b"--\r\n"


def multipart_type(boundary: str = BOUNDARY) -> str:
    """The content type of a multipart body."""
    return f"multipart/form-data; boundary={boundary}"


async def chunked(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """A body in pieces, whose length nobody knows in advance."""
    for start in range(0, len(body), size):
        yield body[start : start + size]
