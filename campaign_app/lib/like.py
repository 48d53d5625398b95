"""Patterns for SQL's LIKE from what people type."""

from __future__ import annotations

import re


def starting_with(text: str) -> str:
    r"""The pattern of everything that begins with `text`; its own %, _ and \ mean themselves."""
    return re.sub(r"([\\%_])", r"\\\1", text) + "%"


def containing(text: str) -> str:
    r"""The pattern of everything that holds `text`; its own %, _ and \ mean themselves."""
    return f"%{starting_with(text)}"
