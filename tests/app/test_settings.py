"""Settings come from the environment and are checked."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from app import settings as module
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
    assert settings.workers >= 1
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
        ("max_batch", "1", 1),
        ("max_batch_bytes", "1024", 1024),
        ("workers", "2", 2),
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
        "max_batch",
        "max_batch_bytes",
        "workers",
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
        ("max_batch", "0"),
        ("max_batch", "1025"),
        ("max_batch_bytes", "1023"),
        ("workers", "0"),
        ("workers", "257"),
        ("workers", "1.5"),
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


@pytest.mark.parametrize(
    ("cores", "workers", "threads"),
    [(0.25, 1, 1), (1.0, 1, 1), (1.9, 1, 1), (2.0, 2, 1), (3.5, 3, 1), (16.0, 16, 1)],
)
def test_one_process_a_core(monkeypatch: pytest.MonkeyPatch, cores: float, workers: int, threads: int) -> None:
    """There are as many processes as whole cores may be used, at least one, each with a thread of its own."""
    monkeypatch.setattr(module, "usable_cores", lambda: cores)
    settings = Settings()
    assert (settings.workers, settings.pool_threads) == (workers, threads)


@pytest.mark.parametrize(
    ("cores", "workers", "threads"), [(8.0, "1", 8), (8.0, "3", 2), (8.0, "16", 1), (0.5, "4", 1), (7.9, "2", 3)]
)
def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch, cores: float, workers: str, threads: int) -> None:
    """Whoever chooses the processes gets as many threads in each as whole cores are left for it, at least one."""
    monkeypatch.setattr(module, "usable_cores", lambda: cores)
    monkeypatch.setenv("DIGITS_WORKERS", workers)
    settings = Settings()
    assert (settings.workers, settings.pool_threads) == (int(workers), threads)


def test_chosen_threads_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that were chosen do not follow the cores."""
    monkeypatch.setattr(module, "usable_cores", lambda: 8.0)
    monkeypatch.setenv("DIGITS_POOL_THREADS", "5")
    settings = Settings()
    assert (settings.workers, settings.pool_threads) == (8, 5)


def test_settings_do_not_change() -> None:
    """Settings stay what they were at start-up."""
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]  # what the test is about
