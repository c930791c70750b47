"""The OpenAPI document that is committed beside the service."""

import json
from typing import Any, Final

from app.application import create_app
from app.settings import PROJECT_FOLDER, Settings

COMMITTED: Final = PROJECT_FOLDER / "app" / "openapi.json"


def current() -> dict[str, Any]:
    """The document as the code describes it now; no setting shows in it."""
    return create_app(Settings()).openapi()


def text_of(document: dict[str, Any]) -> str:
    """The document as it is written."""
    return json.dumps(document, indent=2) + "\n"
