"""The API's own description: an OpenAPI 3.1 document, made from the operations themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from campaign_app.api.problems import MIMETYPE, Problem
from campaign_app.api.routes import CHANGING, KEY_HEADER, Operation
from campaign_app.services.idempotency import MAX_LENGTH

ROOT = "/api/v1"
REF = "#/components/schemas/{model}"
ABOUT = """\
Everything is JSON. Send a token as `Authorization: Bearer car_…`; make one under *Settings → API
tokens*. A token does what its maker may do in one workspace; a viewer's can only look.

**Errors** are `application/problem+json` (RFC 9457): `detail` says what happened, `errors` each
thing that is wrong with the input, and `retryable` whether the same request may succeed later.
Fields that nobody reads are errors, too. What is not yours does not exist: 404.

**Lists** come in pages. Follow `next` until it is null.

**Times** are written in UTC. **Rates** are messages a minute.

**Repeating.** With an `Idempotency-Key` of your choice, a creation or a start that you repeat
within a day, because no answer came, is done once; the second answer is the first one again.

**Limits.** 3,000 requests a minute of one token, 16 MB a body. A 429 says in `Retry-After` how many
seconds to wait.
"""
TAGS = {
    "senders": "SMTP accounts, and how fast each may send.",
    "campaigns": "One e-mail to everybody in its audience: written, started, watched, decided on.",
    "imports": "Files of recipients on their way onto the list.",
    "recipients": "The people on your list, and whether they may be mailed.",
    "groups": "Named sets of recipients, for the `group_ids` of campaigns.",
    "segments": "Saved filters of recipients, for the `segment_ids` of campaigns.",
}
FILE: dict[str, Any] = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "additionalProperties": False,
            "properties": {
                "file": {"type": "string", "format": "binary", "description": "CSV or .xlsx."},
                "mapping": {
                    "type": "string",
                    "description": "A JSON object: what columns become, by their headers.",
                },
            },
        }
    },
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
}
"""A small file in a request."""
Schemas = dict[type[BaseModel], dict[str, Any]]


@cache
def document(operations: tuple[Operation, ...]) -> dict[str, Any]:
    """The document that describes these operations, as plain JSON values."""
    schemas, definitions = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = ROOT + re.sub(r"<int:(\w+)>", r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Carillon", "version": "1", "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(operations: Sequence[Operation]) -> tuple[Schemas, dict[str, Any]]:
    """The reference to each shape in use, and all shapes by name."""
    modes: dict[type[BaseModel], JsonSchemaMode] = {Problem: "serialization"}
    modes |= {one.body: "validation" for one in operations if one.body}
    modes |= {one.answer: "serialization" for one in operations if one.answer}
    references, made = models_json_schema(list(modes.items()), ref_template=REF)
    tidy = {name: _tidied(name, schema) for name, schema in made["$defs"].items()}
    return {shape: references[shape, mode] for shape, mode in modes.items()}, tidy


def _tidied(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Without what repeats the names, what only the code wants to know, and false defaults."""
    noise = {"title", "description"} if "enum" in schema else {"title"}
    if name.endswith("Changes"):
        noise |= {"default"}  # what is left out stays
    tidy = {key: value for key, value in schema.items() if key not in noise}
    if "properties" in tidy:
        tidy["properties"] = {
            field: {key: value for key, value in part.items() if key not in noise}
            for field, part in schema["properties"].items()
        }
    return tidy


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    summary, _, more = (operation.view.__doc__ or "").strip().partition("\n")
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.noun],
        "summary": summary.rstrip("."),
        "description": re.sub(r"\s*\n\s*", " ", more.strip()),
        "parameters": _parameters(operation),
        "responses": _answers(operation, schemas),
    }
    if operation.takes_file:
        described["requestBody"] = {"required": True, "content": FILE}
    elif operation.body:
        content = {"application/json": {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    number = {"type": "integer", "format": "int64", "minimum": 1}
    found = [
        {"name": name, "in": "path", "required": True, "schema": number}
        for name in re.findall(r"<int:(\w+)>", operation.path)
    ]
    if operation.query:
        for name, schema in _flat(operation.query)["properties"].items():
            found.append(_query_parameter(name, dict(schema)))
    if operation.idempotent:
        text = {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "pattern": "^[!-~]+$"}
        about = "Your name for this request, so that repeating it does it once."
        found.append({"name": KEY_HEADER, "in": "header", "description": about, "schema": text})
    return found


def _query_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    about = schema.pop("description", "")
    choices = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
    if choices:  # left out is what a body calls null
        schema = dict(choices[0])
    schema = {name: rule for name, rule in schema.items() if name not in ("title", "description")}
    return {
        "name": name,
        "in": "query",
        "description": about,
        "schema": schema,
    }


def _flat(shape: type[BaseModel]) -> dict[str, Any]:
    """The shape's schema with what it refers to put in."""
    schema = shape.model_json_schema()
    known = schema.get("$defs", {})

    def put_in(value: Any) -> Any:  # noqa: ANN401  any JSON
        if isinstance(value, dict):
            if "$ref" in value:
                return known[value["$ref"].rpartition("/")[2]]
            return {name: put_in(inner) for name, inner in value.items()}
        return [put_in(inner) for inner in value] if isinstance(value, list) else value

    flat: dict[str, Any] = put_in(schema)
    return flat


def _answers(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    good: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.gives_file:
        good["content"] = {"text/csv": {"schema": {"type": "string"}}}
    elif operation.answer:
        good["content"] = {"application/json": {"schema": schemas[operation.answer]}}
    problem = {MIMETYPE: {"schema": schemas[Problem]}}
    return {
        str(operation.status): good,
        **{
            str(status): {"description": HTTPStatus(status).phrase, "content": problem}
            for status in _refusals(operation)
        },
    }


def _refusals(operation: Operation) -> list[int]:
    """The statuses of the problems it may answer."""
    found = {401, 429, 500, 503}
    found |= {404} if operation.load else set()
    found |= {403, 413, 422} if operation.method in CHANGING else set()
    found |= {400, 415} if operation.body or operation.takes_file else set()
    found |= {507} if "/upload" in operation.path else set()
    found |= {422} if operation.query else set()
    found |= {409} if operation.conflicts else set()
    return sorted(found)
