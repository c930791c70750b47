"""The pages, put together."""

import re
from html.parser import HTMLParser

import pytest

from app.loading import Model
from app.pages import ABOUT_PATH, DOCS_PATH, HOME_PATH, STATIC_FOLDER, Site, build_site
from tests.pictures import encode, seven

PLOT = encode(seven(), "PNG")


@pytest.fixture
def site(tiny_model: Model) -> Site:
    """The pages of the tiny model, as if it had a plot."""
    return build_site(tiny_model.metadata, None, {"mistakes.png": PLOT}, max_bytes=12345)


@pytest.mark.parametrize("path", [HOME_PATH, ABOUT_PATH, DOCS_PATH])
def test_pages_ask_only_for_what_is_there(site: Site, path: str) -> None:
    """Every file a page names is one of the site's, under its digest; no placeholder is left over."""
    page = site.pages[path].content.decode()
    named = re.findall(r'(?:src|href)="static/([^"]+)"', page)
    assert named
    assert {tuple(name.split("/")) for name in named} <= set(site.files)
    assert "$" not in page


def test_page_tells_the_limit(site: Site) -> None:
    """The page knows how large a picture may be, so that it need not send a larger one."""
    assert b'data-max-bytes="12345"' in site.pages[HOME_PATH].content


def test_modules_import_one_another_only(site: Site) -> None:
    """Every module that is imported lies beside its importer and is loaded ahead: no chain of requests."""
    page = site.pages[HOME_PATH].content.decode()
    for path in STATIC_FOLDER.glob("*.js"):
        for name in re.findall(r'^import .* from "(.+)";$', path.read_text(), re.MULTILINE):
            assert re.fullmatch(r"\./[a-z]+\.js", name)
            assert (STATIC_FOLDER / name).is_file()
        assert f"/{path.name}" in page


def test_nothing_comes_from_elsewhere() -> None:
    """No file names another host: no CDN, no fonts, no counters."""
    for path in STATIC_FOLDER.iterdir():
        hosts = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", path.read_text())
        assert set(hosts) <= {"http://www.w3.org"}, path.name  # the name of SVG


class Inline(HTMLParser):
    """Collects what a strict Content-Security-Policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [name for name in names if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("path", [HOME_PATH, ABOUT_PATH, DOCS_PATH])
def test_no_inline_script_or_style(site: Site, path: str) -> None:
    """The pages obey their own policy."""
    parser = Inline()
    parser.feed(site.pages[path].content.decode())
    assert parser.found == []


def test_changed_content_has_another_address(tiny_model: Model) -> None:
    """A changed plot lies under another digest, so that a cached one is never shown for it."""
    one, other = (build_site(tiny_model.metadata, None, {"doubt.png": plot}, 1) for plot in (PLOT, PLOT + b"x"))
    assert {key for key in one.files if key[1] == "doubt.png"}.isdisjoint(other.files)
    assert {key for key in one.files if key[1] != "doubt.png"} < set(other.files)
