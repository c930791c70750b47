"""A client of the service for Python programs: `with Client(url) as client: client.read(picture).digit`."""

import email.utils
import re
import threading
import time
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx
from pydantic import ValidationError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_random_exponential,
)

from app.errors import RefusedError, ServiceError, UnavailableError
from app.schemas import ModelReport, Numbers, Prediction, Problem

DEFAULT_URL: Final = "http://127.0.0.1:8000"
"""Where `make serve` listens."""

DEFAULT_TIMEOUT: Final = 30.0
"""Seconds to wait for the service to accept, take or send anything."""

DEFAULT_ATTEMPTS: Final = 6
"""How often a request is sent at most: about ten seconds of trying."""

LONGEST_WAIT: Final = 30.0
"""Seconds between two attempts, whatever the service asks for."""

_BUSY: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""What the service, or what stands in front of it, answers while it cannot answer."""

_ABOUT_THE_PICTURE: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)
"""Statuses after which the next picture may fare better; all others concern the address."""

_KEY: Final = re.compile("[!-~]+")
"""What may stand in a header as one word."""

Answer = TypeVar("Answer", Prediction, Numbers, ModelReport)

_BACKOFF: Final = wait_random_exponential(multiplier=0.25, max=8.0)


class _PassingError(Exception):
    """An attempt failed for a reason that may pass."""

    def __init__(self, final: ServiceError, retry_after: float = 0.0) -> None:
        super().__init__(str(final))
        self.final = final
        """What to say if there is no further attempt."""
        self.retry_after = retry_after
        """Seconds the service asks for."""


class Client:
    """Connections to one service; threads may share it."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        attempts: int = DEFAULT_ATTEMPTS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare to ask the service at an address; nothing is sent yet.

        Args:
            url: of the service, without the route.
            key: the API key, where the service asks for one.
            timeout: seconds to wait for it to accept, take or send anything.
            attempts: how often to send a request at most, while the service is busy or out of reach.
            transport: how requests travel, if not over the network.

        Raises:
            ValueError: the address or the key is none.
        """
        self._url = url.rstrip("/")
        try:
            parsed = httpx.URL(self._url)
        except httpx.InvalidURL as error:
            raise ValueError(f"{url!r} is not an address: {error}.") from error
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise ValueError(f"{url!r} is not an address. Write it as {DEFAULT_URL}")
        headers = {"accept": "application/json"}
        if key is not None:
            if not _KEY.fullmatch(key):
                raise ValueError("That is no API key: keys have letters, digits, hyphens and underscores.")
            headers["authorization"] = f"Bearer {key}"
        self._http = httpx.Client(
            base_url=parsed,
            timeout=timeout,
            transport=transport,
            # As many connections stay open as threads ask: each would cost a handshake.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            headers=headers,
        )
        self._given_up = threading.Event()
        self._retrying = Retrying(
            retry=retry_if_exception_type(_PassingError),
            stop=stop_after_attempt(attempts) | stop_when_event_set(self._given_up),
            wait=_pause,
            sleep=sleep_using_event(self._given_up),
            reraise=True,
        )

    def read(self, picture: bytes, *, explain: bool = False) -> Prediction:
        """Read the digit on an encoded picture.

        Args:
            picture: the bytes of a file in one of the formats that the service reads.
            explain: whether to ask what the answer rests on.

        Raises:
            RefusedError: the service does not read this picture; `code` says why.
            UnavailableError: it could not be asked.
        """
        answer = self._ask("POST", "/predict", picture, {"explain": "true"} if explain else {})
        return self._understood(answer, Prediction)

    def read_numbers(self, picture: bytes) -> Numbers:
        """Read all digits of an encoded picture, row by row.

        Args:
            picture: the bytes of a file in one of the formats that the service reads.

        Raises:
            RefusedError: the service does not read this picture; `code` says why.
            UnavailableError: it could not be asked.
        """
        return self._understood(self._ask("POST", "/read", picture, {}), Numbers)

    def model(self) -> ModelReport:
        """Which model the service reads with, and how well it was measured to read.

        Raises:
            UnavailableError: it could not be asked.
        """
        return self._understood(self._ask("GET", "/model", None, {}), ModelReport)

    def give_up(self) -> None:
        """Let requests that wait for their next attempt fail now; for use from another thread."""
        self._given_up.set()

    def close(self) -> None:
        """Give up, and close the connections."""
        self.give_up()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, body: bytes | None, query: dict[str, str]) -> httpx.Response:
        try:
            # A copy: what it counts belongs to one request.
            return self._retrying.copy()(self._attempt, method, path, body, query)
        except _PassingError as error:
            raise error.final from error

    def _attempt(self, method: str, path: str, body: bytes | None, query: dict[str, str]) -> httpx.Response:
        if self._given_up.is_set():
            raise UnavailableError(f"{self._url} is not asked any more: the client was closed.")
        headers = {} if body is None else {"content-type": "application/octet-stream"}
        try:
            response = self._http.request(method, path, content=body, params=query, headers=headers)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
            # It was there and hung up. If it does so at every attempt, this picture may be the reason.
            raise _PassingError(RefusedError("no_answer", f"{self._url} hung up without an answer.")) from error
        except httpx.TimeoutException as error:
            raise _PassingError(UnavailableError(f"{self._url} did not answer in time.")) from error
        except httpx.TransportError as error:
            raise _PassingError(UnavailableError(f"{self._url} cannot be reached: {error}.")) from error
        if response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR and not _is_problem(response):
            # Not the service's words: a proxy lost the process that had the request.
            raise _PassingError(self._not_the_service())
        if response.status_code in _BUSY:
            busy = UnavailableError(f"{self._url} is busy (status {response.status_code}). Try again later.")
            raise _PassingError(busy, _retry_after(response))
        return response

    def _understood(self, response: httpx.Response, kind: type[Answer]) -> Answer:
        if response.has_redirect_location:
            # Most redirections would turn the POST into a GET.
            raise UnavailableError(f"{self._url} has moved: {response.headers['location']}. Use the new address.")
        try:
            if response.is_success:
                return kind.model_validate_json(response.content)
            problem = Problem.model_validate_json(response.content)
        except ValidationError as error:
            raise self._not_the_service() from error
        if response.status_code in _ABOUT_THE_PICTURE:
            raise RefusedError(problem.code, problem.detail)
        raise UnavailableError(f"{self._url} answers: {problem.detail}")

    def _not_the_service(self) -> UnavailableError:
        return UnavailableError(f"{self._url} does not answer as this service does. Is it the right address?")


def _pause(state: RetryCallState) -> float:
    """Seconds until the next attempt: what the service asks for, or longer if it has failed often."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after if isinstance(error, _PassingError) else 0.0
    return min(LONGEST_WAIT, max(asked, float(_BACKOFF(state))))


def _is_problem(response: httpx.Response) -> bool:
    try:
        Problem.model_validate_json(response.content)
    except ValidationError:
        return False
    return True


def _retry_after(response: httpx.Response) -> float:
    """The header's seconds, which it tells as a number or as a date (RFC 9110, section 10.2.3)."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        # A number of a thousand digits is no float.
        return float(value[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
