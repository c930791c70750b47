"""The pages and their files over HTTP."""

import gzip
import re

import httpx
import pytest

from app.headers import GUARD, POLICY
from app.pages import ABOUT_PATH, DOCS_PATH, HOME_PATH
from app.routes.page import SECURITY
from tests.app.service import Client

PAGES = (HOME_PATH, ABOUT_PATH, DOCS_PATH)


def get(client: Client, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """A request with no header but these."""
    return client.request(method, path, headers={"accept-encoding": "identity", **headers})


@pytest.fixture(scope="module")
def style(client: Client) -> str:
    """Where the style sheet is."""
    found = re.search(r'href="(static/\w+/page\.css)"', client.get(HOME_PATH).text)
    assert found is not None
    return f"/{found[1]}"


@pytest.mark.parametrize("path", PAGES)
def test_pages(client: Client, path: str) -> None:
    """The pages are HTML that a browser asks for anew each time."""
    answer = get(client, path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.text.startswith("<!doctype html>")


def test_file_is_kept_for_ever(client: Client, style: str) -> None:
    """A file's address changes with its content, so it may be kept."""
    answer = get(client, style)
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_every_answer_is_guarded(client: Client, style: str) -> None:
    """Pages and files carry the headers that keep other people's scripts out, also when nothing changed."""
    for path in (*PAGES, style):
        answer = get(client, path)
        unchanged = get(client, path, **{"if-none-match": answer.headers["etag"]})
        for headers in (answer.headers, unchanged.headers):
            assert {name: headers[name] for name in (*SECURITY, *GUARD)} == SECURITY | GUARD


def test_policy_is_strict() -> None:
    """Nothing is allowed by default, nothing inline, nothing from elsewhere."""
    policy = SECURITY[POLICY]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("GZIP", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("br", False),
        ("gzip;q=0.001", True),
        ("", False),
    ],
)
def test_compression_is_agreed_on(client: Client, style: str, accepted: str, *, zipped: bool) -> None:
    """Who takes gzip gets it, with a tag of its own; the content is the same."""
    plain, answer = get(client, style), get(client, style, **{"accept-encoding": accepted})
    assert ("content-encoding" in answer.headers) is zipped
    assert (answer.headers["etag"] != plain.headers["etag"]) is zipped
    assert plain.headers["vary"] == answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == plain.content  # httpx unpacks
    expected = len(gzip.compress(plain.content, mtime=0)) if zipped else len(plain.content)
    assert int(answer.headers["content-length"]) == expected


@pytest.mark.parametrize("spelling", ["{}", "W/{}", '"other", {}', "*"])
def test_unchanged_page_is_not_sent_again(client: Client, spelling: str) -> None:
    """A browser that names the page's tag hears that nothing changed."""
    tag = get(client, HOME_PATH).headers["etag"]
    answer = get(client, HOME_PATH, **{"if-none-match": spelling.format(tag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag
    assert get(client, HOME_PATH, **{"if-none-match": '"other"'}).status_code == 200


def test_head(client: Client, style: str) -> None:
    """HEAD has the same headers and no body."""
    for path in (*PAGES, style):
        head, whole = get(client, path, "HEAD"), get(client, path)
        assert head.content == b""
        # Each answer has an id of its own.
        assert head.headers.pop("traceparent") != whole.headers.pop("traceparent")
        assert head.headers == whole.headers


@pytest.mark.parametrize(
    "path",
    [
        "/static",
        "/static/page.css",
        "/static/0123456789abcdef/page.css",
        "/static/{}/index.html",
        "/static/{}/../page.css",
        "/static/{}/..%2f..%2fmain.py",
        "/static/{}/model.keras",
    ],
)
def test_unknown_files_are_a_problem(client: Client, style: str, path: str) -> None:
    """Whatever is not one of the site's own files is not found, and no path leads to a disk."""
    answer = get(client, path.format(style.split("/")[2]))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


def test_other_methods_are_a_problem(client: Client) -> None:
    """A page is not written to."""
    answer = get(client, HOME_PATH, "POST")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
