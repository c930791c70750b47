"""The service on the tiny model, started once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.application import create_app
from app.settings import Settings
from tests.app.service import Client, serving


@pytest.fixture(scope="session")
def client(tiny_artifact: Path) -> Iterator[Client]:
    """A client of the service with its usual settings."""
    with serving(create_app(Settings(model=tiny_artifact))) as running:
        yield running
