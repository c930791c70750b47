"""What the OpenAPI document says beyond what FastAPI finds out: bodies that the routes read themselves."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
"""A body, or a part of one, that is no text."""

_REFERENCE: Final = "#/components/schemas/{model}"
_FRAMEWORKS_OWN: Final = ("HTTPValidationError", "ValidationError")


def reference(model: type[BaseModel]) -> dict[str, Any]:
    """A body, or an answer, that is JSON of this model."""
    return {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}


def request_body(contents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The body of a route that reads it itself, by content type."""
    return {"requestBody": {"required": True, "content": contents}}


def install(application: FastAPI, models: Sequence[type[BaseModel]]) -> None:
    """Add the schemas of models that only references name, and take out the answers that are never given."""
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
        for operations in description["paths"].values():
            for operation in operations.values():
                # FastAPI expects that any parameter may be of the wrong kind; a piece of a path cannot.
                if _FRAMEWORKS_OWN[0] in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
        return description

    application.openapi = completed  # type: ignore[method-assign]  # FastAPI's documented way
