"""What else is known about a recipient: values that templates use as merge fields."""

from __future__ import annotations

import re
from collections.abc import Iterable

from campaign_app.lib.errors import Invalid

KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RESERVED = frozenset({"email", "name", "attributes", "unsubscribe_url"})
"""Merge fields that mean something else already."""
MAX_KEY, MAX_VALUE, MAX_PAIRS = 64, 1000, 50


def checked(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The pairs as a recipient stores them, without empty lines.

    Raises Invalid for a key that a template could not name, and for one that comes twice.
    """
    attributes: dict[str, str] = {}
    for key, value in ((key.strip(), value.strip()) for key, value in pairs):
        if not (key or value):
            continue
        problem = _problem(key, value, attributes)
        if problem:
            raise Invalid(problem, field="attributes")
        attributes[key] = value
    if len(attributes) > MAX_PAIRS:
        raise Invalid(f"A recipient can have {MAX_PAIRS} attributes.", field="attributes")
    return attributes


def _problem(key: str, value: str, known: dict[str, str]) -> str:
    if not key:
        return f"Give “{value[:40]}” a name."
    if not KEY.fullmatch(key) or len(key) > MAX_KEY:
        return (
            f"“{key[:MAX_KEY]}” cannot be a merge field: begin with a letter and use only letters"
            f" (A to Z), digits and underscores, {MAX_KEY} at most."
        )
    if key in RESERVED:
        return f"“{key}” already has a meaning. Choose another name."
    if key in known:
        return f"“{key}” is there twice. Keep one of them."
    if len(value) > MAX_VALUE:
        return f"“{key}” is longer than {MAX_VALUE:,} characters."
    return ""
