"""The OpenAPI document that is committed beside the service."""

import json
from typing import Any

from app.application import create_app
from app.pages import INTERFACE as COMMITTED
from app.settings import Settings

__all__ = ["COMMITTED", "current", "text_of"]


def current() -> dict[str, Any]:
    """The document as the code describes it now; no setting shows in it."""
    return create_app(Settings()).openapi()


def text_of(document: dict[str, Any]) -> str:
    """The document as it is written."""
    return json.dumps(document, indent=2) + "\n"
