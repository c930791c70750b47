"""The document of the interface as a page for people."""

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

import pytest

from app.pages import INTERFACE
from app.reference import reference_sections

DOCUMENT: dict[str, Any] = json.loads(INTERFACE.read_bytes())

EVIL = "<b>&\"'</b>"


@pytest.fixture(scope="module")
def page() -> str:
    """All of it."""
    return "".join(reference_sections(DOCUMENT).values())


def descriptions(value: Any) -> Iterator[str]:
    """All that a part of the document says in words."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            yield value["description"]
        for one in value.values():
            yield from descriptions(one)
    elif isinstance(value, list):
        for one in value:
            yield from descriptions(one)


def test_every_route_is_there(page: str) -> None:
    """With its method, its summary, its parameters, and each status that it may answer."""
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            head = f"<code>{method.upper()} {path}</code> {escape(operation['summary'])}"
            assert page.count(head) == 1
            part = page[page.index(head) :].partition("</details>")[0]
            rows = set(re.findall(r'<th scope="row"><code>(.+?)</code>', part))
            assert rows >= operation["responses"].keys()
            assert rows >= {one["name"] for one in operation.get("parameters", ())}
            assert rows >= operation.get("requestBody", {}).get("content", {}).keys()


def test_every_field_is_there(page: str) -> None:
    """Each model that the document knows, with its fields and what is said of them."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        part = page[page.index(f'<h3 id="{name}">') :].partition("</table>")[0]
        assert set(re.findall(r'<th scope="row"><code>(.+?)</code>', part)) == schema.get("properties", {}).keys()
        for told in descriptions(schema.get("properties", {})):
            plain = re.sub(r"</?code>", "`", part)
            assert escape(told, quote=False) in plain or "items" in json.dumps(schema)


def test_links_lead_somewhere(page: str) -> None:
    """Each model that is named is on the page, once."""
    ids = re.findall(r'id="(.+?)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#(.+?)"', page)) <= set(ids)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer"}, "whole number"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "true or false or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/A"}}, 'list of <a href="#A">A</a>'),
        ({"enum": ["a", 1]}, "<code>a</code> or <code>1</code>"),
        ({"type": "string", "format": "binary"}, "bytes"),
        ({"type": "object"}, "fields"),
        ({"type": "array", "items": {}}, "list"),
        ({}, "any value"),
    ],
)
def test_kinds(schema: dict[str, Any], expected: str) -> None:
    """What a value is, in words."""
    model = {"A": {"properties": {"x": schema}, "required": ["x"]}}
    document = {"info": DOCUMENT["info"], "paths": {}, "components": {"schemas": model}}
    assert f"<td>{expected}</td>" in reference_sections(document)["schemas"]


def test_texts_are_texts() -> None:
    """Nothing in the document becomes markup, but for code between backticks."""
    operation = {"tags": [EVIL], "summary": EVIL, "description": f"`{EVIL}` {EVIL}", "responses": {}}
    model = {EVIL: {"description": EVIL, "properties": {EVIL: {"enum": [EVIL], "description": EVIL}}}}
    document = {
        "info": dict.fromkeys(("title", "version", "summary"), EVIL),
        "paths": {f"/{EVIL}": {"get": operation}},
        "components": {"schemas": model},
    }
    sections = reference_sections(document)
    assert all("<b>" not in section for section in sections.values())
    assert "<code>&lt;b&gt;" in sections["operations"]
