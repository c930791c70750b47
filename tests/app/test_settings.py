"""Settings come from the environment and are checked."""

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from app import settings as module
from app.keys import digest_of
from app.rate import Rate
from app.settings import ENVIRONMENT_PREFIX, PROJECT_FOLDER, Settings, complaints

HASH = digest_of(b"key").hex()


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
    assert not settings.has_keys
    assert settings.rate_limit is None
    assert settings.cors_origins == settings.allowed_hosts == settings.trusted_proxies == ()
    assert settings.hsts_seconds == 0


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("host", "0.0.0.0", "0.0.0.0"),  # noqa: S104  # what containers listen on
        ("port", "0", 0),
        ("model", "/models/mine.keras", Path("/models/mine.keras")),
        ("watch_seconds", "0", 0.0),
        ("shadow", "/models/candidate", Path("/models/candidate")),
        ("max_bytes", "1024", 1024),
        ("max_pixels", "784", 784),
        ("max_batch", "1", 1),
        ("max_batch_bytes", "1024", 1024),
        ("workers", "2", 2),
        ("pool_threads", "3", 3),
        ("pool_capacity", "1", 1),
        ("api_keys", HASH, (HASH,)),
        ("api_keys", f"{HASH}, {HASH.upper()} {HASH}", (HASH, HASH.upper(), HASH)),
        ("rate_limit", "600/minute", Rate(600, 60)),
        ("rate_limit", "none", None),
        ("cors_origins", "*", ("*",)),
        ("cors_origins", "https://Example.org,http://[::1]:8000", ("https://example.org", "http://[::1]:8000")),
        (
            "allowed_hosts",
            "Example.org *.example.com [::1] 192.0.2.1",
            ("example.org", "*.example.com", "[::1]", "192.0.2.1"),
        ),
        ("trusted_proxies", "192.0.2.1 10.0.0.0/8,::1", ("192.0.2.1", "10.0.0.0/8", "::1")),
        ("hsts_seconds", "31536000", 31_536_000),
        ("queue", "8", 8),
        ("max_held_bytes", "1024", 1024),
        ("max_connections", "8", 8),
        ("timeout", "0.5", 0.5),
        ("upload_timeout", "1.5", 1.5),
        ("keep_alive", "0", 0),
        ("drain", "0", 0.0),
        ("public_metrics", "true", True),
        ("log_format", "text", "text"),
        ("access_log", "true", True),
        ("database", "sqlite:///corrections.db", "sqlite:///corrections.db"),
        ("feedback_days", "1", 1),
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
        "watch_seconds",
        "shadow",
        "max_bytes",
        "max_pixels",
        "max_batch",
        "max_batch_bytes",
        "workers",
        "pool_threads",
        "pool_capacity",
        "api_keys",
        "api_keys_file",
        "rate_limit",
        "cors_origins",
        "allowed_hosts",
        "trusted_proxies",
        "hsts_seconds",
        "queue",
        "max_held_bytes",
        "max_connections",
        "timeout",
        "upload_timeout",
        "keep_alive",
        "drain",
        "public_metrics",
        "log_format",
        "access_log",
        "database",
        "feedback_days",
    }
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "-1"),
        ("port", "65536"),
        ("port", "http"),
        ("watch_seconds", "-1"),
        ("watch_seconds", "inf"),
        ("watch_seconds", "nan"),
        ("watch_seconds", "86401"),
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
        ("api_keys", ""),
        ("api_keys", " , "),
        ("api_keys", "a key instead of its hash"),
        ("api_keys", f"{HASH} {HASH[1:]}"),
        ("api_keys_file", "/missing"),
        ("api_keys_file", ""),
        ("rate_limit", ""),
        ("rate_limit", "600"),
        ("rate_limit", "0/minute"),
        ("cors_origins", ""),
        ("cors_origins", "example.org"),
        ("cors_origins", "https://example.org/"),
        ("cors_origins", "https://*.example.org"),
        ("allowed_hosts", ""),
        ("allowed_hosts", "*"),
        ("allowed_hosts", "https://example.org"),
        ("allowed_hosts", "example.org:8000"),
        ("trusted_proxies", ""),
        ("trusted_proxies", "*"),
        ("trusted_proxies", "proxy.example.org"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("hsts_seconds", "-1"),
        ("hsts_seconds", "63072001"),
        ("queue", "7"),
        ("max_held_bytes", "1023"),
        ("max_connections", "7"),
        ("timeout", "0"),
        ("upload_timeout", "0"),
        ("keep_alive", "-1"),
        ("drain", "-1"),
    ],
)
def test_values_out_of_bounds(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """What cannot work is refused before the service starts."""
    monkeypatch.setenv(ENVIRONMENT_PREFIX + name.upper(), text)
    with pytest.raises(ValidationError, match=name):
        Settings()


def test_largest_request_is_never_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be held at once grows with what one request may have."""
    assert Settings().max_held_bytes == 2**28
    monkeypatch.setenv("DIGITS_MAX_BATCH_BYTES", str(2**27))
    assert Settings().max_held_bytes == 2**29
    monkeypatch.setenv("DIGITS_MAX_BYTES", str(2**28))
    assert Settings().max_held_bytes == 2**30


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


def test_keys_of_both_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hashes of the variable and those of the file are one set."""
    path = tmp_path / "keys"
    path.write_text(digest_of(b"other").hex())
    monkeypatch.setenv("DIGITS_API_KEYS", HASH)
    monkeypatch.setenv("DIGITS_API_KEYS_FILE", str(path))
    assert Settings().has_keys
    assert Settings().key_digests() == (digest_of(b"key"), digest_of(b"other"))
    monkeypatch.delenv("DIGITS_API_KEYS")
    assert Settings().has_keys
    assert Settings().key_digests() == (digest_of(b"other"),)


def test_key_in_place_of_its_hash_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said about a bad setting goes to the log, where no key belongs."""
    monkeypatch.setenv("DIGITS_API_KEYS", "the-secret-key")
    with pytest.raises(ValidationError) as caught:
        Settings()
    [sentence] = complaints(caught.value)
    assert sentence.startswith("DIGITS_API_KEYS is not usable: ")
    assert "`digits key`" in sentence
    assert "secret" not in sentence


def test_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container listens to everybody, as an unprivileged user."""
    written = (PROJECT_FOLDER / "Dockerfile").read_text()
    for name, value in re.findall(r"\b(DIGITS_\w+)=(\S+)", written):
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.host == "0.0.0.0"  # noqa: S104  # what containers listen on
    assert "\nUSER 10001:10001\n" in written.partition(" AS service\n")[2]
