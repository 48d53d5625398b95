"""Values that the description shows, by the names of the fields."""

from __future__ import annotations

from typing import Any

VALUES: dict[str, Any] = {
    "id": 18,
    "recipient_id": 18,
    "email": "ana@example.com",
    "sender_id": 3,
    "group_ids": [7],
    "recipient_emails": ["ana@example.com", "bo@example.com"],
    "name": "Autumn launch",
    "subject": "Hello {{ first_name }}",
    "html": "<p>Hello {{ first_name }}!</p>",
    "text": "",
    "timezone": "Europe/London",
    "scheduled_at": None,
    "tpm": 600,
    "rate_limit": 600,
    "host": "smtp.example.com",
    "username": "news",
    "password": "the account’s password",
    "from_email": "news@example.com",
    "from_name": "Acme News",
    "to": "you@example.com",
    "reply": "250 2.0.0 OK",
    "address": "ana@example.com",
    "attempts": 1,
    "last_reply": "",
    "port": 587,
    "security": "starttls",
    "preset": "other",
    "delay_seconds": 4,
    "has_password": True,
    "max_connections": 2,
    "messages_per_connection": 50,
    "per_minute": None,
    "per_hour": None,
    "per_day": 2_000,
    "is_clean": False,
    "findings": ["2 connections could have been sending and were not; they were called."],
    "checked": 965,
    "doorbells": 2,
    "message_ids": [4711],
    "recipient_count": 12_480,
    "direct_recipients": 2,
    "upload_id": 5,
    "import_id": 9,
    "filename": "people.csv",
    "size": 20_000_000,
    "part_size": 8_388_608,
    "urls": ["https://carillon.example/parts/AbC…", "…"],
    "url": "https://carillon.example/parts/AbC…",
    "number": 1,
    "etag": '"9e107d9d372bb6826bd81d3542a419d6"',
    "mapping": {"E-mail": "email", "Stadt": "city", "Notes": "ignore"},
    "rows": 250_000,
    "new": 240_000,
    "updated": 3_500,
    "unchanged": 4_000,
    "duplicates": 2_000,
    "invalid": 500,
    "rejected_url": "https://carillon.example/api/v1/imports/9/rejected",
    "error": "",
    "total": 48_216,
    "pending": 3_072,
    "sending": 144,
    "sent": 44_980,
    "deferred": 12,
    "failed": 19,
    "unconfirmed": 1,
    "action": "mark_sent",
    "skipped": 0,
    "cancelled": 0,
    "done": 45_000,
    "duplicate": 310,
    "unsubscribed": 42,
    "suppressed": 7,
    "eta_seconds": 322,
    "waiting_for": "held at 600/min",
    "retried": 19,
    "resolved": 1,
    "accepted": True,
    "next": None,
    "finished_at": None,
    "next_attempt_at": None,
    "clicked_at": None,
    "cooling_until": None,
    "brake_rate": None,
    "pause_reason": "",
}
MOMENT = "2026-11-22T09:00:00Z"
PLAIN = {"integer": 1, "number": 1, "boolean": False, "string": ""}


def of(schema: dict[str, Any], known: dict[str, Any], *, name: str = "") -> Any:  # noqa: ANN401
    """A value of the shape; `known` are the shapes that it may refer to."""
    schema = resolved(schema, known)
    if "properties" in schema:
        return {one: of(part, known, name=one) for one, part in schema["properties"].items()}
    if "examples" in schema:
        return schema["examples"][0]
    return VALUES[name] if name in VALUES else _plain(schema, known)


def _plain(schema: dict[str, Any], known: dict[str, Any]) -> Any:  # noqa: ANN401  any JSON
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return MOMENT
    if "anyOf" in schema:
        return of(schema["anyOf"][0], known)
    if schema.get("type") == "array":
        return [of(schema["items"], known)]
    return PLAIN.get(schema.get("type", ""), "")


def resolved(schema: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The schema with what it refers to put in its place."""
    if "$ref" not in schema:
        return schema
    return {**known[schema["$ref"].rpartition("/")[2]], **schema}
