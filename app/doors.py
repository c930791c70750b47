"""Who is let in: API keys, rate limit, host names and CORS. What is not set is not there and costs nothing."""

import base64
import binascii
import ipaddress
from collections.abc import Callable, Iterable
from typing import Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.documentation import KEY_HEADER, is_public
from app.errors import DoorError, TooManyRequestsError, UnauthorizedError, UnknownHostError
from app.headers import GuardHeaders
from app.keys import KeyRing
from app.problems import error_response
from app.rate import Limiter
from app.routes import metrics
from app.routes.open_inference import LENGTH_HEADER
from app.settings import Settings

_CHALLENGE: Final = 'Bearer realm="digits"'
_BROWSERS_CHALLENGE: Final = 'Basic realm="The password is the API key", charset="UTF-8"'
"""Lets a browser ask for the key, and send it with everything that the page asks for; no script ever sees it."""

_TAKEN_HEADERS: Final = ("Authorization", KEY_HEADER, "Content-Type", LENGTH_HEADER)
_SHOWN_HEADERS: Final = ("Retry-After", LENGTH_HEADER)
"""What pages elsewhere may send and see, beside what all may."""

_IPV6_CLIENT: Final = 64
"""Bits of an IPv6 address that tell clients apart; each of them has all the rest to itself."""


def install(application: FastAPI, settings: Settings, routes: Iterable[BaseRoute]) -> None:
    """Put the doors that the settings ask for in front of everything that the application has so far.

    Args:
        application: what is behind the doors.
        settings: which doors there are.
        routes: the application's; those documented as public are open to everybody: the probes; that of the metrics
            as well if the settings say so.
    """
    ring = KeyRing(settings.key_digests()) if settings.has_keys else None
    limiter = Limiter(settings.rate_limit) if settings.rate_limit else None
    if ring or limiter or settings.allowed_hosts:
        open_to_all = [
            route
            for route in routes
            if isinstance(route, APIRoute)
            and (is_public(route) or (settings.public_metrics and route.path == metrics.PATH))
        ]
        application.add_middleware(
            Doorkeeper, public=open_to_all, ring=ring, limiter=limiter, hosts=settings.allowed_hosts
        )
    if settings.cors_origins:
        # Before the keys: browsers ask without one what they may send, and must be able to read a 401.
        application.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=_TAKEN_HEADERS,
            expose_headers=_SHOWN_HEADERS,
        )
    application.add_middleware(GuardHeaders, hsts_seconds=settings.hsts_seconds)


class Doorkeeper:
    """Turns requests away before anything of their bodies is read."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        public: Iterable[APIRoute],
        ring: KeyRing | None = None,
        limiter: Limiter | None = None,
        hosts: tuple[str, ...] = (),
    ) -> None:
        """Stand in front of an application.

        Args:
            app: what is behind the door.
            public: routes that are open to everybody.
            ring: the keys that open all others, if keys are asked for.
            limiter: counts the requests of each key, or of each address where there is none.
            hosts: names by which the service may be asked, if not by any; `*.` in front stands for all below.
        """
        self._app = app
        self._public = [(route.path_regex, frozenset(route.methods or ())) for route in public]
        self._ring = ring
        self._limiter = limiter
        self._is_our_name = _matcher(hosts) if hosts else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] == "http" and not self._is_public(scope):
            headers = Headers(scope=scope)
            try:
                self._admit(scope, headers)
            except DoorError as error:
                await error_response(scope["path"], error, _advice(error, headers))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_public(self, scope: Scope) -> bool:
        path, method = scope["path"], scope["method"]
        return any(method in methods and pattern.match(path) for pattern, methods in self._public)

    def _admit(self, scope: Scope, headers: Headers) -> None:
        if self._is_our_name is not None and not self._is_our_name(headers):
            raise UnknownHostError("The service does not answer to this host name. Ask it by its own.")
        holder = None
        if self._ring is not None:
            holder = next(filter(None, map(self._ring.recognise, _keys_in(scope, headers))), None)
        if self._limiter is not None:
            # Wrong keys count too, by the address they come from.
            seconds = self._limiter.wait(holder or _address(scope))
            if seconds:
                raise TooManyRequestsError(f"Too many requests. Ask again in {seconds} s.", seconds)
        if self._ring is not None and holder is None:
            raise UnauthorizedError(
                f"The service wants an API key: send `Authorization: Bearer KEY` or `{KEY_HEADER}: KEY`."
            )


def _advice(error: DoorError, headers: Headers) -> dict[str, str] | None:
    """The headers that go with a refusal."""
    if isinstance(error, TooManyRequestsError):
        return {"Retry-After": str(error.seconds)}
    if isinstance(error, UnauthorizedError):
        # Only where a person is looking: a program's fetch must not open a dialog.
        by_person = "text/html" in headers.get("accept", "")
        return {"WWW-Authenticate": _BROWSERS_CHALLENGE if by_person else _CHALLENGE}
    return None


def _keys_in(scope: Scope, headers: Headers) -> list[bytes]:
    """The keys that a request brings along."""
    found = headers.getlist(KEY_HEADER)
    for value in headers.getlist("authorization"):
        scheme, _, credentials = value.partition(" ")
        credentials = credentials.strip()
        match scheme.lower():
            case "bearer":
                found.append(credentials)
            case "basic" if not _is_of_another_page(scope, headers):
                found.append(_password(credentials))
    return [key.encode("latin-1") for key in found if key]


def _is_of_another_page(scope: Scope, headers: Headers) -> bool:
    """Whether a page of another site makes the browser send this, with the key that it has kept for ours.

    Links from there may be followed. The browser tells (https://www.w3.org/TR/fetch-metadata); pages cannot change it.
    """
    is_link = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
    return headers.get("sec-fetch-site", "none") not in {"none", "same-origin"} and not is_link


def _password(credentials: str) -> str:
    """The password of Basic credentials; whatever is the name does not matter."""
    try:
        return base64.b64decode(credentials, validate=True).decode("latin-1").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _address(scope: Scope) -> bytes:
    """What tells clients without a key apart: where they are, as the server, or a proxy that it trusts, has it."""
    # A server on a Unix socket knows no addresses: its clients are one.
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host).encode()
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return address.packed[: _IPV6_CLIENT // 8]
        return address.ipv4_mapped.packed
    return address.packed


def _matcher(hosts: tuple[str, ...]) -> Callable[[Headers], bool]:
    exact = {host for host in hosts if not host.startswith("*.")}
    below = tuple(host[1:] for host in hosts if host.startswith("*."))

    def is_ours(headers: Headers) -> bool:
        named = [_without_port(value) for value in headers.getlist("host")]
        return bool(named) and all(name in exact or name.endswith(below) for name in named)

    return is_ours


def _without_port(host: str) -> str:
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()
