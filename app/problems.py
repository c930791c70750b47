"""Errors -> RFC 9457 problem+json, by one table."""

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app import errors
from app.schemas import Problem

MEDIA_TYPE: Final = "application/problem+json"

PROBLEMS: Final[dict[type[errors.DigitsError], tuple[HTTPStatus, str]]] = {
    errors.UnsupportedFormatError: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_format"),
    errors.UnsupportedUploadError: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type"),
    errors.TooManyBytesError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_bytes"),
    errors.TooManyPixelsError: (HTTPStatus.UNPROCESSABLE_ENTITY, "too_many_pixels"),
    errors.DamagedPictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "damaged_picture"),
    errors.NoInkError: (HTTPStatus.UNPROCESSABLE_ENTITY, "no_ink"),
    errors.MissingPictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "missing_picture"),
    errors.MalformedUploadError: (HTTPStatus.BAD_REQUEST, "malformed_upload"),
    errors.OverloadedError: (HTTPStatus.SERVICE_UNAVAILABLE, "overloaded"),
}
"""Status and stable code of every error a request can end with."""

_INVALID_REQUEST: Final = (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request")
"""What a parameter ends with that is not of its kind."""

_WANTED: Final = {"bool_parsing": "Write true or false."}
"""What to do instead, by pydantic's name of the mistake, where its own words do not tell."""

_HEADERS: Final[dict[str, dict[str, str]]] = {
    # The rest of a body that is too large is not worth reading.
    "too_many_bytes": {"Connection": "close"},
    "overloaded": {"Retry-After": "1"},
}

_logger = logging.getLogger(__name__)


def problem_response(status: HTTPStatus, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """One problem as an HTTP response."""
    problem = Problem(title=code.replace("_", " ").capitalize(), status=status, detail=detail, code=code)
    return Response(
        problem.model_dump_json(), status_code=status, headers=headers or _HEADERS.get(code), media_type=MEDIA_TYPE
    )


def problem_documentation(
    *kinds: type[errors.DigitsError], parameters: bool = False
) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the problems a route can answer with.

    Args:
        kinds: what goes wrong in the route.
        parameters: whether it takes any, which may be of the wrong kind.
    """
    codes: dict[int, list[str]] = {}
    for status, code in [*(PROBLEMS[kind] for kind in kinds), *[_INVALID_REQUEST] * parameters]:
        codes.setdefault(int(status), []).append(code)
    return {
        status: {
            "description": f"`code` is {' or '.join(f'`{code}`' for code in names)}",
            "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}},
        }
        for status, names in codes.items()
    }


def install(application: FastAPI) -> None:
    """Answer every error of the application with a problem."""
    application.add_exception_handler(errors.DigitsError, _domain_error)
    application.add_exception_handler(RequestValidationError, _validation_error)
    application.add_exception_handler(HTTPException, _http_error)
    application.add_exception_handler(Exception, _unexpected_error)
    document = application.openapi

    def document_with_problem() -> dict[str, Any]:
        description = document()
        description["components"]["schemas"][Problem.__name__] = Problem.model_json_schema()
        return description

    application.openapi = document_with_problem  # type: ignore[method-assign]  # FastAPI's documented way


def domain_problem(error: errors.DigitsError) -> Response:
    """The response that tells of an error of the table."""
    return problem_response(*PROBLEMS[type(error)], str(error))


async def _domain_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, errors.DigitsError)
    return domain_problem(error)


async def _validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    detail = "; ".join(
        f"{'.'.join(map(str, part['loc']))}: {_WANTED.get(part['type'], part['msg'])}" for part in error.errors()
    )
    return problem_response(*_INVALID_REQUEST, detail)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code = status.name.lower()
    return problem_response(status, code, f"{error.detail}. The routes are listed at /docs.", dict(error.headers or {}))


async def _unexpected_error(request: Request, error: Exception) -> Response:
    _logger.error(
        "unexpected error at %s", request.scope["route"].path if "route" in request.scope else "?", exc_info=error
    )
    detail = "The service failed to answer; the fault is its own and has been logged."
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)
