"""Settings come from the environment and are checked."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import ENVIRONMENT_PREFIX, PROJECT_FOLDER, Settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX)]:
        monkeypatch.delenv(name)


def test_defaults() -> None:
    """Without any variable the service listens locally and serves the default model."""
    settings = Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.model == PROJECT_FOLDER / "artifacts" / "default"
    assert settings.max_bytes == 16 * 2**20
    assert settings.pool_threads >= 1
    assert settings.pool_capacity == 64


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("host", "0.0.0.0", "0.0.0.0"),  # noqa: S104  # what containers listen on
        ("port", "0", 0),
        ("model", "/models/mine.keras", Path("/models/mine.keras")),
        ("max_bytes", "1024", 1024),
        ("max_pixels", "784", 784),
        ("pool_threads", "3", 3),
        ("pool_capacity", "1", 1),
    ],
)
def test_every_field_is_a_variable(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    """Each field is read from DIGITS_<FIELD>; the same variable without the prefix is not ours."""
    monkeypatch.setenv(ENVIRONMENT_PREFIX + name.upper(), text)
    monkeypatch.setenv(name.upper(), "nonsense")
    assert getattr(Settings(), name) == value


def test_every_field_is_tested_and_explained() -> None:
    """No setting is missing above, and each says what it is for."""
    assert set(Settings.model_fields) == {
        "host",
        "port",
        "model",
        "max_bytes",
        "max_pixels",
        "pool_threads",
        "pool_capacity",
    }
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "-1"),
        ("port", "65536"),
        ("port", "http"),
        ("max_bytes", "1023"),
        ("max_pixels", "89478486"),
        ("max_pixels", "783"),
        ("pool_threads", "0"),
        ("pool_capacity", "0"),
        ("pool_capacity", ""),
    ],
)
def test_values_out_of_bounds(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """What cannot work is refused before the service starts."""
    monkeypatch.setenv(ENVIRONMENT_PREFIX + name.upper(), text)
    with pytest.raises(ValidationError, match=name):
        Settings()


def test_settings_do_not_change() -> None:
    """Settings stay what they were at start-up."""
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]  # what the test is about
