"""The document of the interface -> a page that people read: no script, and nothing from elsewhere."""

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

Schema = Mapping[str, Any]

_SCHEMAS: Final = "#/components/schemas/"
_CODE: Final = re.compile("`([^`]+)`")
_TYPES: Final = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "array": "list",
    "object": "fields",
    "null": "null",
}
_BINARY: Final = "bytes"


def reference_sections(document: Mapping[str, Any]) -> Mapping[str, str]:
    """What the page's template leaves open, as HTML.

    Args:
        document: OpenAPI's, version 3.1.
    """
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method.upper(), path, operation))
    schemas = document["components"]["schemas"]
    return {
        "title": escape(document["info"]["title"]),
        "version": escape(document["info"]["version"]),
        "summary": escape(document["info"]["summary"]),
        "operations": "".join(
            f"<section><h2>{escape(tag[:1].upper() + tag[1:])}</h2>{''.join(parts)}</section>"
            for tag, parts in by_tag.items()
        ),
        "schemas": "".join(_schema(name, schema) for name, schema in sorted(schemas.items())),
    }


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [
        f"<h3><code>{method} {escape(path)}</code> {escape(operation['summary'])}</h3>",
        *(f"<p>{_text(one)}</p>" for one in operation.get("description", "").split("\n\n") if one),
    ]
    if operation.get("parameters"):
        rows = ((one["name"], _kind(one["schema"]), one.get("description", "")) for one in operation["parameters"])
        parts.append(_table("Parameters", rows))
    if "requestBody" in operation:
        parts.append(_table("Body, one of", _contents(operation["requestBody"]["content"])))
    answers = ((status, _answer(one), one["description"]) for status, one in sorted(operation["responses"].items()))
    parts.append(_table("Answers", answers))
    return f"<details><summary>{parts[0]}</summary>{''.join(parts[1:])}</details>"


def _contents(content: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for media_type, one in content.items():
        schema = one["schema"]
        fields = schema.get("properties", {})
        told = "; ".join(f"`{name}`: {field.get('description', '')}" for name, field in fields.items())
        yield media_type, _kind(schema), told


def _answer(answer: Mapping[str, Any]) -> str:
    return " or ".join(_kind(one["schema"]) for one in answer.get("content", {}).values() if one.get("schema"))


def _schema(name: str, schema: Schema) -> str:
    required = set(schema.get("required", ()))
    rows = (
        (field, _kind(one) + ("" if field in required else ", may be missing"), one.get("description", ""))
        for field, one in schema.get("properties", {}).items()
    )
    told = _text(schema.get("description", ""))
    return f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{told}</p>{_table("Fields", rows)}'


def _kind(schema: Schema) -> str:
    """What a value is, as HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(_SCHEMAS))
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return " or ".join(f"<code>{escape(str(one))}</code>" for one in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "")
    if kind == "array" and schema.get("items"):
        return f"list of {_kind(schema['items'])}"
    return _BINARY if schema.get("format") == "binary" else _TYPES.get(kind, "any value")


def _table(caption: str, rows: Iterable[tuple[str, str, str]]) -> str:
    """Rows of a name, HTML, and a text."""
    lines = [
        f'<tr><th scope="row"><code>{escape(name)}</code></th><td>{kind}</td><td>{_text(told)}</td></tr>'
        for name, kind, told in rows
    ]
    return f"<figure><table><caption>{caption}</caption>{''.join(lines)}</table></figure>" if lines else ""


def _text(markdown: str) -> str:
    """The little Markdown that descriptions have: code."""
    return _CODE.sub(r"<code>\1</code>", escape(markdown, quote=False))
