"""What the OpenAPI document says beyond what FastAPI finds out: bodies that the routes read themselves."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeGuard

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
"""A body, or a part of one, that is no text."""

PUBLIC: Final[dict[str, Any]] = {"openapi_extra": {"security": []}}
"""A route that is open to everybody, whatever keys there are, as OpenAPI says it; the doors go by it too."""

KEY_HEADER: Final = "X-API-Key"

_SECURITY_SCHEMES: Final[dict[str, dict[str, str]]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, where the operator has set any."},
    "header": {"type": "apiKey", "in": "header", "name": KEY_HEADER, "description": "The same in another header."},
}
_SECURITY: Final[list[dict[str, list[str]]]] = [{}, {"bearer": []}, {"header": []}]
"""Either scheme, or none where no keys are set."""

_REFERENCE: Final = "#/components/schemas/{model}"
_FRAMEWORKS_OWN: Final = ("HTTPValidationError", "ValidationError")


def reference(model: type[BaseModel]) -> dict[str, Any]:
    """A body, or an answer, that is JSON of this model."""
    return {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}


def request_body(contents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The body of a route that reads it itself, by content type."""
    return {"requestBody": {"required": True, "content": contents}}


def is_public(route: BaseRoute) -> TypeGuard[APIRoute]:
    """Whether a route is documented as open to everybody."""
    return isinstance(route, APIRoute) and (route.openapi_extra or {}).get("security") == []


def install(
    application: FastAPI,
    models: Sequence[type[BaseModel]],
    at_the_door: Callable[[str], dict[int | str, dict[str, Any]]],
) -> None:
    """Complete the document.

    Args:
        application: whose document it is; answers that it never gives are taken out.
        models: whose schemas only references name.
        at_the_door: what a path that is not public may be answered with before its route is asked.
    """
    document = application.openapi

    def completed() -> dict[str, Any]:
        if application.openapi_schema is not None:
            return application.openapi_schema
        description = document()
        schemas = description.setdefault("components", {}).setdefault("schemas", {})
        _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE)
        schemas.update(definitions["$defs"])
        for name in _FRAMEWORKS_OWN:
            schemas.pop(name, None)
        description["components"]["securitySchemes"] = _SECURITY_SCHEMES
        description["security"] = _SECURITY
        for path, operations in description["paths"].items():
            for operation in operations.values():
                # FastAPI expects that any parameter may be of the wrong kind; a piece of a path cannot.
                if _FRAMEWORKS_OWN[0] in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
                if operation.get("security") != []:
                    for status, answer in at_the_door(path).items():
                        operation["responses"].setdefault(str(status), answer)
        return description

    application.openapi = completed  # type: ignore[method-assign]  # FastAPI's documented way
