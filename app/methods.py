"""HEAD wherever GET is, as HTTP has it (RFC 9110, 9.3.2); FastAPI's routes know only what they are told."""

from http import HTTPMethod, HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALLOW: Final = b"allow"
_READING: Final = HTTPMethod.GET.encode()
_BOTH: Final = b"GET, HEAD"

_ROUTE: Final = "route"
"""Where the router leaves what it found, for those who count."""


class HeadAsGet:
    """Lets an application answer HEAD as GET, without the content."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; HEAD as GET."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == HTTPMethod.HEAD

        async def answered(message: Message) -> None:
            if message["type"] != "http.response.start":
                message = {**message, "body": b""} if is_head else message
            elif message["status"] == HTTPStatus.METHOD_NOT_ALLOWED:
                message["headers"] = [_allowed(*header) for header in message["headers"]]
            await send(message)

        if not is_head:
            await self._app(scope, receive, answered)
            return
        # A copy: the server goes by the method when it sends the answer.
        read = {**scope, "method": HTTPMethod.GET.value}
        try:
            await self._app(read, receive, answered)
        finally:
            if _ROUTE in read:
                scope[_ROUTE] = read[_ROUTE]


def _allowed(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    return name, _BOTH if name == _ALLOW and value == _READING else value
