"""Every answer tells browsers what they may do with it."""

import pytest

from app.application import create_app
from app.headers import DATA_POLICY, GUARD, POLICY
from app.loading import Model
from app.routes.state import STATE_KEY
from app.settings import Settings
from tests import pictures
from tests.app.service import Client, serving

PICTURE = pictures.encode(pictures.seven(28, 28), "PNG")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/predict", 200),
        ("POST", "/predict?explain=true", 200),
        ("POST", "/predict?explain=maybe", 422),
        ("GET", "/health/live", 200),
        ("GET", "/model", 200),
        ("GET", "/v2/models/unknown", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/predict", 405),
        ("GET", "/openapi.json", 200),
    ],
)
def test_data(client: Client, method: str, path: str, status: int) -> None:
    """Answers that are data, errors too, are guarded, and load nothing should a browser show them."""
    answer = client.request(method, path, content=PICTURE, headers={"content-type": "image/png"})
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in GUARD} == GUARD
    assert answer.headers[POLICY] == DATA_POLICY


def test_pages_keep_their_own_policy(client: Client) -> None:
    """Each header is there once: two policies would both hold."""
    for path in ("/", "/about-the-model", "/docs"):
        headers = client.get(path).headers
        for name in (*GUARD, POLICY):
            assert len(headers.get_list(name)) == 1, name
        assert client.get(path).headers[POLICY].startswith("default-src 'none'; script-src 'self'")


def test_what_they_forbid() -> None:
    """Types are not guessed, nobody frames, addresses are not passed on; the page's camera is allowed, nothing else."""
    assert GUARD["X-Content-Type-Options"] == "nosniff"
    assert GUARD["X-Frame-Options"] == "DENY"
    assert GUARD["Referrer-Policy"] == "no-referrer"
    assert GUARD["Permissions-Policy"] == "camera=(self), geolocation=(), microphone=()"
    assert "frame-ancestors 'none'" in DATA_POLICY


def test_fault_of_the_service(tiny_model: Model) -> None:
    """A 500 is answered outside of everything else, and guarded all the same."""
    with serving(create_app(Settings(), load=lambda _: tiny_model)) as client:
        client.state[STATE_KEY] = None
        answer = client.get("/model")
    assert answer.status_code == 500
    assert {name: answer.headers[name] for name in GUARD} == GUARD


@pytest.mark.parametrize("seconds", [0, 31_536_000])
def test_https_only(tiny_model: Model, seconds: int) -> None:
    """Browsers are told to stay with https where the operator says so, and nowhere else."""
    with serving(create_app(Settings(hsts_seconds=seconds), load=lambda _: tiny_model)) as client:
        found = client.get("/health/live").headers.get("strict-transport-security")
    assert found == (f"max-age={seconds}" if seconds else None)
