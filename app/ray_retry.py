"""Asks another replica where one has died over a request: a middleware of Ray Serve's proxies, which do not.

Ray Serve ends such a request without an answer, which its HTTP server makes a bare 500. It may be asked again, since no
request does more when it is repeated: pictures are read, and a correction is kept once however often it is sent.
"""

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAUSES: Final = (0.1, 0.3, 0.9)
"""Seconds before each further attempt: until then the proxy has learnt which replica is dead. There are few, since a
picture that kills its replica must not kill them all."""

MOST_BYTES: Final = 2**20
"""Of a body that is kept for another attempt; a larger one, or one of unknown length, is handed on once."""


class Retry:
    """Keeps a request's body until there is an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and again where no answer came."""
        if scope["type"] != "http" or not _may_be_kept(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        body = await _whole(receive)
        for pause in (0.0, *PAUSES):
            await asyncio.sleep(pause)
            if await self._answered(scope, body, receive, send):
                return

    async def _answered(self, scope: Scope, body: list[Message], receive: Receive, send: Send) -> bool:
        """Whether there was an answer, or the beginning of one."""
        messages = iter(body)
        begun = False

        async def replay() -> Message:
            return next(messages, None) or await receive()

        async def pass_on(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        # A copy: the proxy may write into it.
        await self._app(dict(scope), replay, pass_on)
        return begun


def middlewares() -> list[Middleware]:
    """What Ray Serve's proxies ask for: RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=app.ray_retry:middlewares."""
    return [Middleware(Retry)]


def _may_be_kept(headers: Headers) -> bool:
    length = headers.get("content-length", "0")
    return "transfer-encoding" not in headers and length.isdecimal() and int(length) <= MOST_BYTES


async def _whole(receive: Receive) -> list[Message]:
    """All messages of a body; the last is another if the client left."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body"):
        messages.append(await receive())
    return messages
