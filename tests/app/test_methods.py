"""HEAD is answered wherever GET is, doors and all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.application import create_app
from app.keys import digest_of
from app.settings import Settings
from tests.app.service import Client, serving

PATHS = (
    *("/", "/about-the-model", "/docs", "/openapi.json", "/model", "/metrics", "/health/live", "/health/ready", "/v2"),
    *("/v2/health/live", "/v2/health/ready", "/v2/models/tiny", "/v2/models/tiny/ready", "/v1/models/tiny"),
)
"""What answers GET, but for versions and files."""

CHANGING = {"traceparent", "content-length"}
"""Headers that differ from answer to answer: the metrics grow."""


@pytest.fixture(scope="module")
def closed(tiny_artifact: Path) -> Iterator[Client]:
    """A client, without a key, of a service that asks for one."""
    with serving(create_app(Settings(model=tiny_artifact, api_keys=(digest_of(b"key").hex(),)))) as running:
        yield running


def test_every_route_that_is_read() -> None:
    """None of those that are documented is forgotten here."""
    paths = create_app(Settings()).openapi()["paths"]
    read = {path for path, operations in paths.items() if "get" in operations and "{version}" not in path}
    assert read <= {path.replace("tiny", "{name}") for path in PATHS}


@pytest.mark.parametrize("path", [*PATHS, "/v2/models/nobody", "/nowhere"])
def test_same_without_content(client: Client, path: str) -> None:
    """Status and headers are those of GET, the length that it would have too."""
    head, whole = client.request("HEAD", path), client.get(path)
    assert head.content == b""
    assert head.status_code == whole.status_code
    assert int(head.headers["content-length"]) > 0
    for found in (head, whole):
        for name in CHANGING:
            del found.headers[name]
    assert head.headers == whole.headers


@pytest.mark.parametrize("path", ["/predict", "/read", "/feedback", "/v2/models/tiny/infer"])
def test_what_is_not_read(client: Client, path: str) -> None:
    """A route that GET does not have has no HEAD."""
    answer = client.request("HEAD", path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "POST", b"")


def test_both_are_allowed_together(client: Client) -> None:
    """Who asks in another way is told of both."""
    assert client.request("POST", "/health/live").headers["allow"] == "GET, HEAD"


def test_doors(closed: Client) -> None:
    """Probes are open, all else asks for a key, as for GET."""
    assert closed.request("HEAD", "/health/ready").status_code == 200
    for path in ("/", "/model", "/metrics", "/nowhere"):
        answer = closed.request("HEAD", path)
        assert (answer.status_code, answer.content) == (401, b"")
        assert answer.headers["www-authenticate"] == closed.get(path).headers["www-authenticate"]
