"""Headers that tell browsers what they may do with an answer: on every one, whatever it is."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = "Content-Security-Policy"

GUARD: Final = {
    "X-Content-Type-Options": "nosniff",
    # What browsers obey that do not know frame-ancestors.
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    # The page has a button for the camera.
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer."""

DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
"""For what is no page: should a browser ever show it as one, it loads and runs nothing."""

_POLICY_NAME: Final = POLICY.lower().encode()


class GuardHeaders:
    """Adds them to what the application answers."""

    def __init__(self, app: ASGIApp, hsts_seconds: int = 0) -> None:
        """Wrap an application.

        Args:
            app: what answers.
            hsts_seconds: how long browsers shall ask for this host by https only; 0 does not tell them.
        """
        self._app = app
        headers = GUARD | ({"Strict-Transport-Security": f"max-age={hsts_seconds}"} if hsts_seconds else {})
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; answers with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message.get("headers", ())
                message["headers"] = [*own, *self._headers, *_missing_policy(dict(own))]
            await send(message)

        await self._app(scope, receive, guarded)


def _missing_policy(headers: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [] if _POLICY_NAME in headers else [(_POLICY_NAME, DATA_POLICY.encode())]
