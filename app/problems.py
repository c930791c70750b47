"""Errors -> RFC 9457 problem+json, or what another server's protocol says instead, by one table."""

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app import errors, metrics
from app.correlation import response_headers
from app.documentation import reference
from app.gate import CALLER
from app.headers import GUARD
from app.schemas import PlainError, Problem

MEDIA_TYPE: Final = "application/problem+json"

PROBLEMS: Final[dict[type[errors.DigitsError], tuple[HTTPStatus, str]]] = {
    errors.UnsupportedFormatError: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_format"),
    errors.UnsupportedUploadError: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type"),
    errors.TooManyBytesError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_bytes"),
    errors.TooManyPixelsError: (HTTPStatus.UNPROCESSABLE_ENTITY, "too_many_pixels"),
    errors.DamagedPictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "damaged_picture"),
    errors.NoInkError: (HTTPStatus.UNPROCESSABLE_ENTITY, "no_ink"),
    errors.TooMuchWritingError: (HTTPStatus.UNPROCESSABLE_ENTITY, "too_much_writing"),
    errors.MissingPictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "missing_picture"),
    errors.InvalidRequestError: (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request"),
    errors.MalformedUploadError: (HTTPStatus.BAD_REQUEST, "malformed_upload"),
    errors.MalformedJsonError: (HTTPStatus.BAD_REQUEST, "malformed_json"),
    errors.TooManyPicturesError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_pictures"),
    errors.UnknownModelError: (HTTPStatus.NOT_FOUND, "unknown_model"),
    errors.UploadTimeoutError: (HTTPStatus.REQUEST_TIMEOUT, "upload_timeout"),
    errors.OverloadedError: (HTTPStatus.SERVICE_UNAVAILABLE, "overloaded"),
    errors.UnauthorizedError: (HTTPStatus.UNAUTHORIZED, "unauthorized"),
    errors.UnknownHostError: (HTTPStatus.MISDIRECTED_REQUEST, "misdirected_request"),
    errors.TooManyRequestsError: (HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests"),
    errors.ShuttingDownError: (HTTPStatus.SERVICE_UNAVAILABLE, "shutting_down"),
    errors.DeadlineExceededError: (HTTPStatus.GATEWAY_TIMEOUT, "deadline_exceeded"),
    errors.FeedbackOffError: (HTTPStatus.NOT_FOUND, "feedback_off"),
    errors.FeedbackUnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, "feedback_unavailable"),
}
"""Status and stable code of every error a request can end with."""

WAITING_ERRORS: Final = (
    errors.UploadTimeoutError,
    errors.OverloadedError,
    errors.ShuttingDownError,
    errors.DeadlineExceededError,
)
"""What any request with a body can end with, whatever it holds."""

PLAIN_TYPE: Final = "application/json"

_PLAIN_PATHS: Final = ("/v1/", "/v2/")
"""Where other servers' protocols are spoken, whose errors have a shape of their own."""

_INVALID_REQUEST: Final = PROBLEMS[errors.InvalidRequestError]
"""What a parameter ends with that is not of its kind."""

_WANTED: Final = {"bool_parsing": "Write true or false."}
"""What to do instead, by pydantic's name of the mistake, where its own words do not tell."""

_HEADERS: Final[dict[str, dict[str, str]]] = {
    # The rest of a body that is too large is not worth reading.
    "too_many_bytes": {"Connection": "close"},
    "too_many_pictures": {"Connection": "close"},
    "upload_timeout": {"Connection": "close"},
    "overloaded": {"Retry-After": "1"},
    "shutting_down": {"Retry-After": "1", "Connection": "close"},
    "feedback_unavailable": {"Retry-After": "60"},
}

_logger = logging.getLogger(__name__)


def problem_of(error: errors.DigitsError) -> Problem:
    """An error of the table as a problem, counted."""
    status, code = PROBLEMS[type(error)]
    metrics.problem(code)
    return _problem(status, code, str(error))


def problem_response(status: HTTPStatus, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """One problem as an HTTP response, counted."""
    metrics.problem(code)
    return _as_problem(status, code, detail, headers)


def problem_documentation(
    *kinds: type[errors.DigitsError], parameters: bool = False, plain: bool = False
) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the problems a route can answer with.

    Args:
        kinds: what goes wrong in the route.
        parameters: whether it takes any, which may be of the wrong kind.
        plain: whether it speaks another server's protocol.
    """
    codes: dict[int, list[str]] = {}
    for status, code in [*(PROBLEMS[kind] for kind in kinds), *[_INVALID_REQUEST] * parameters]:
        codes.setdefault(int(status), []).append(code)
    content = {PLAIN_TYPE: reference(PlainError)} if plain else {MEDIA_TYPE: reference(Problem)}
    return {
        status: {
            "description": " or ".join(code.replace("_", " ") for code in names).capitalize()
            if plain
            else f"`code` is {' or '.join(f'`{code}`' for code in names)}",
            "content": content,
        }
        for status, names in codes.items()
    }


def door_documentation(path: str) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the problems that a request to a path may end with before it gets to its route."""
    kinds = (errors.UnauthorizedError, errors.UnknownHostError, errors.TooManyRequestsError)
    return problem_documentation(*kinds, plain=_is_plain(path))


def install(application: FastAPI) -> None:
    """Answer every error of the application with a problem, or as the protocol has it that the request speaks."""
    application.add_exception_handler(errors.DigitsError, _domain_error)
    application.add_exception_handler(RequestValidationError, _validation_error)
    application.add_exception_handler(HTTPException, _http_error)
    application.add_exception_handler(Exception, _unexpected_error)


def error_response(path: str, error: errors.DigitsError, headers: dict[str, str] | None = None) -> Response:
    """The response that tells of an error of the table, as the protocol has it that is spoken at the path; counted."""
    return _response(path, *PROBLEMS[type(error)], str(error), headers)


def refusal_response(path: str, error: errors.DigitsError) -> Response:
    """The same, made once and sent many times: whoever sends it counts it, by `count_problem`."""
    return _uncounted(path, *PROBLEMS[type(error)], str(error))


def count_problem(kind: type[errors.DigitsError]) -> None:
    """Count a problem whose response was made before."""
    metrics.problem(PROBLEMS[kind][1])


def _is_plain(path: str) -> bool:
    return f"{path}/".startswith(_PLAIN_PATHS)


def _problem(status: HTTPStatus, code: str, detail: str) -> Problem:
    return Problem(title=code.replace("_", " ").capitalize(), status=status, detail=detail, code=code)


def _response(path: str, status: HTTPStatus, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    caller = CALLER.get()
    if caller is None or not caller.gone:
        # What is said to a caller that has gone is no answer.
        metrics.problem(code)
    return _uncounted(path, status, code, detail, headers)


def _uncounted(
    path: str, status: HTTPStatus, code: str, detail: str, headers: dict[str, str] | None = None
) -> Response:
    if not _is_plain(path):
        return _as_problem(status, code, detail, headers)
    return Response(
        PlainError(error=detail).model_dump_json(),
        status_code=status,
        headers=headers or _HEADERS.get(code),
        media_type=PLAIN_TYPE,
    )


def _as_problem(status: HTTPStatus, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    return Response(
        _problem(status, code, detail).model_dump_json(),
        status_code=status,
        headers=headers or _HEADERS.get(code),
        media_type=MEDIA_TYPE,
    )


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.DigitsError)
    return error_response(request.scope["path"], error)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    detail = "; ".join(
        f"{'.'.join(map(str, part['loc']))}: {_WANTED.get(part['type'], part['msg'])}" for part in error.errors()
    )
    return _response(request.scope["path"], *_INVALID_REQUEST, detail)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code = status.name.lower()
    detail = f"{error.detail}. The routes are listed at /docs."
    return _response(request.scope["path"], status, code, detail, dict(error.headers or {}))


async def _unexpected_error(request: Request, error: Exception) -> Response:
    _logger.error(
        "unexpected error at %s", request.scope["route"].path if "route" in request.scope else "?", exc_info=error
    )
    detail = "The service failed to answer; the fault is its own and has been logged."
    # It is answered outside of everything that would add the headers.
    headers = GUARD | response_headers()
    return _response(request.scope["path"], HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail, headers)
