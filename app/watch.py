"""Sees every request: counts it, gives it an id, and tells the log and the traces of it."""

import asyncio
import logging
from time import perf_counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics, tracing
from app.correlation import CURRENT, HEADER, continued
from app.gate import CALLER
from app.logs import ACCESS
from app.metrics import UNANSWERED, UNMATCHED

_KEY: Final = HEADER.encode()
_logger = logging.getLogger(ACCESS)


class Watch:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, paths: frozenset[str], *, log: bool) -> None:
        """Wrap it.

        Args:
            app: the application.
            paths: routes without parameters: those that are answered before the router finds them.
            log: whether each request gets a line in the log.
        """
        self._app = app
        self._paths = paths
        self._log = log
        self._settling = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and tell of it when it is over."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = CALLER.get()
        began = perf_counter() if caller is None else caller.since
        status: int | None = None
        traced = tracing.current_trace()
        trace = traced or continued(_parent(scope))
        # Each request is a task of its own: there is nothing to go back to.
        CURRENT.set(trace)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                # What is said to a caller that has gone is no answer.
                status = None if caller is not None and caller.gone else message["status"]
                message["headers"] = [*message.get("headers", ()), (_KEY, trace.header.encode())]
                if traced is not None and (route := self._route(scope)) != UNMATCHED:
                    tracing.name_request(scope["method"], route)
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            # Whoever runs the application answers.
            status = 500
            raise
        finally:
            if status is None:
                status = UNANSWERED if caller is None else caller.told
            self._tell(scope["method"], self._route(scope), status, perf_counter() - began)

    def _route(self, scope: Scope) -> str:
        if "route" in scope:
            return str(scope["route"].path)
        path: str = scope["path"]
        return path if path in self._paths else UNMATCHED

    def _tell(self, method: str, route: str, status: int, seconds: float) -> None:
        metrics.later(metrics.request, route, status, seconds)
        if not self._settling:
            self._settling = True
            asyncio.get_running_loop().call_later(metrics.SETTLE_SECONDS, self._settle)
        if self._log:
            extra = {"method": method, "route": route, "status": status, "seconds": round(seconds, 6)}
            _logger.info("%s %s %d", method, route, status, extra=extra)

    def _settle(self) -> None:
        # Also where a count fails, the next request brings the next turn.
        self._settling = False
        if metrics.settle():
            self._settling = True
            asyncio.get_running_loop().call_soon(self._settle)


def _parent(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == _KEY:
            return bytes(value)
    return None
