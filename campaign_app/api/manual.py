"""The OpenAPI document rearranged for readers: what the page of the API's docs shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from campaign_app.api import examples
from campaign_app.api.problems import MIMETYPE
from campaign_app.api.shapes import BIGGEST_ID

ORDER = ("get", "post", "patch", "delete")
MARKS = (
    (re.compile(r"\*\*(.+?)\*\*", re.DOTALL), r"<strong>\1</strong>"),
    (re.compile(r"\*(.+?)\*", re.DOTALL), r"<em>\1</em>"),
    (re.compile(r"`(.+?)`"), r"<code>\1</code>"),
)
TOLD_ELSEWHERE = frozenset({"401", "403", "429", "500", "503"})
"""Problems that every operation may answer: the introduction tells of them."""
FORM = "multipart/form-data"
FORMATS = {"date-time": "moment (RFC 3339)", "binary": "file", "email": "e-mail address"}


@dataclass(frozen=True, slots=True)
class Field:
    """A line of a table."""

    name: str
    type: str
    """With its range and its default: "integer, 1 to 200, default 1"."""
    about: Markup
    required: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    about: Markup
    parameters: list[Field]
    body: list[Field]
    answer: list[Field]
    status: str
    problems: list[str]
    request: str
    """How curl sends it."""
    example: str
    """What it answers."""

    @property
    def short(self) -> str:
        """The path without what all have in common: "/campaigns/{id}"."""
        return re.sub(r"^/api/v\d+|\w+_(?=id\})", "", self.path)


@dataclass(frozen=True, slots=True)
class Chapter:
    """The operations of one noun."""

    name: str
    about: Markup
    entries: list[Entry]


def chapters(document: dict[str, Any], *, server: str) -> list[Chapter]:
    """The whole document; `server` is where the examples send their requests."""
    entries = list(_entries(document, server))
    return [
        Chapter(
            tag["name"],
            marked(tag["description"]),
            [one for noun, one in entries if noun == tag["name"]],
        )
        for tag in document["tags"]
    ]


def paragraphs(text: str) -> list[Markup]:
    """The paragraphs of a text, with its few marks."""
    return [marked(part) for part in text.strip().split("\n\n")]


def marked(text: str) -> Markup:
    """The text with its bold, slanted and coded words as HTML; everything else is escaped."""
    found = str(escape(text))
    for pattern, tag in MARKS:
        found = pattern.sub(tag, found)
    return Markup(found)  # noqa: S704  escaped above


def _entries(document: dict[str, Any], server: str) -> Iterator[tuple[str, Entry]]:
    known = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method in sorted(methods, key=ORDER.index):
            operation = methods[method]
            yield operation["tags"][0], _entry(operation, method, path, known, server)


def _entry(
    operation: dict[str, Any], method: str, path: str, known: dict[str, Any], server: str
) -> Entry:
    asked = operation.get("requestBody", {}).get("content", {})
    body = _schema(asked, known)
    status, good = next(iter(operation["responses"].items()))
    answer, taken = _schema(good.get("content", {}), known), _fields(body, known)
    return Entry(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        about=marked(operation["description"]),
        parameters=[_parameter(one) for one in operation["parameters"] if one["in"] != "path"],
        body=taken,
        answer=_without(_fields(answer, known), taken),
        status=f"{status} {good['description']}",
        problems=[
            f"{code} {one['description']}"
            for code, one in operation["responses"].items()
            if MIMETYPE in one.get("content", {}) and code not in TOLD_ELSEWHERE
        ],
        request=_curl(
            method.upper(),
            server + _filled(path),
            None if FORM in asked else _example(body, known, asked=True),
            has_file=FORM in asked,
        ),
        example=_shown(_example(answer, known)),
    )


def _without(fields: list[Field], told: list[Field]) -> list[Field]:
    """The fields without those of inner objects that the body has told of."""
    known = {one.name for one in told if "[]." in one.name}
    return [one for one in fields if one.name not in known]


def _schema(content: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    kind = content.get("application/json") or content.get(FORM, {})
    return examples.resolved(kind.get("schema", {}), known)


def _parameter(one: dict[str, Any]) -> Field:
    kind = _described(one["schema"], {})
    place = ", in a header" if one["in"] == "header" else ""
    return Field(one["name"], kind + place, marked(one["description"]))


def _fields(schema: dict[str, Any], known: dict[str, Any], *, within: str = "") -> list[Field]:
    required = schema.get("required", [])
    entries = schema.get("properties", {}).get("items")
    if entries:  # of a list, its entries are of interest
        following = {"properties": {"next": schema["properties"]["next"]}}
        entry = examples.resolved(entries["items"], known)
        return [*_fields(entry, known, within="items[]."), *_fields(following, known)]
    fields: list[Field] = []
    for name, part in schema.get("properties", {}).items():
        about = marked(part.get("description", ""))
        fields.append(Field(within + name, _described(part, known), about, name in required))
        fields += _inner(part, known, within + name)
    return fields


def _inner(schema: dict[str, Any], known: dict[str, Any], name: str) -> list[Field]:
    """The fields of an object, or of the objects in a list, that stand in a field."""
    if "[]." in name:
        return []  # one level deep: a page, no tree
    schema = examples.resolved(schema, known)
    if "properties" in schema:
        return _fields(schema, known, within=f"{name}.")
    entry = examples.resolved(schema.get("items", {}), known)
    if "oneOf" in entry:  # of several shapes: what can be in any of them
        shapes = [examples.resolved(one, known)["properties"] for one in entry["oneOf"]]
        entry = {"properties": {key: part for one in shapes for key, part in one.items()}}
    return _fields(entry, known, within=f"{name}[].")


def _described(schema: dict[str, Any], known: dict[str, Any]) -> str:
    """Everything that a value must keep to, and what it is when it is left out."""
    schema = examples.resolved(schema, known)
    rules = {name: rule for part in schema.get("anyOf", []) for name, rule in part.items()} | schema
    parts = [
        _type(schema, known),
        _span(rules.get("minimum"), rules.get("maximum")),
        _span(rules.get("minLength"), rules.get("maxLength"), " characters"),
        _span(rules.get("minItems"), rules.get("maxItems"), " entries"),
        _default(schema.get("default")),
    ]
    return ", ".join(part for part in parts if part)


def _span(least: float | None, most: float | None, unit: str = "") -> str:
    if most is None or most >= BIGGEST_ID:
        return "" if least is None else f"{least:,.0f} or more{unit}"
    return f"{f'{least:,.0f} to' if least is not None else 'up to'} {most:,.0f}{unit}"


def _default(value: Any) -> str:  # noqa: ANN401  any JSON
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, bool):
        return f"default {str(value).lower()}"
    return f"default {value:g}" if isinstance(value, float) else f"default {value}"


def _type(schema: dict[str, Any], known: dict[str, Any]) -> str:
    """The type in words: "integer or null", "one of draft, sending"."""
    schema = examples.resolved(schema, known)
    if "anyOf" in schema:
        return " or ".join(_type(part, known) for part in schema["anyOf"])
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if schema.get("type") == "array":
        inner = examples.resolved(schema["items"], known)
        return "list of objects" if "properties" in inner else f"list of {_plural(inner)}"
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        return " or ".join(kind)
    return FORMATS.get(schema.get("format", "")) or str(kind)


def _plural(schema: dict[str, Any]) -> str:
    kind = _type(schema, {})
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


def _example(schema: dict[str, Any], known: dict[str, Any], *, asked: bool = False) -> Any:  # noqa: ANN401
    """A value of the shape; in a request, what is required and little else."""
    whole = examples.of(schema, known) if schema else None
    if not asked or not isinstance(whole, dict):
        return whole
    shown = {*schema.get("required", []), "group_ids", "recipient_emails"}
    few = {name: value for name, value in whole.items() if name in shown}
    changes = {"name": whole["name"]} if "name" in whole else few
    return few if schema.get("required") else changes


def _filled(path: str) -> str:
    return re.sub(r"\{\w+\}", str(examples.VALUES["id"]), path)


def _curl(method: str, url: str, body: Any, *, has_file: bool = False) -> str:  # noqa: ANN401
    lines = [f"curl -X {method} {url}" if method != "GET" else f"curl {url}"]
    lines.append('  -H "Authorization: Bearer $TOKEN"')
    if has_file:
        lines.append("  -F file=@people.csv")
    if body is not None:
        text = _shown(body).replace("'", "'\\''")
        lines += ['  -H "Content-Type: application/json"', f"  -d '{text}'"]
    return " \\\n".join(lines)


def _shown(value: Any) -> str:  # noqa: ANN401  any JSON
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
