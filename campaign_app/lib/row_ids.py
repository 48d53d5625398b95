"""Ids of rows as forms and addresses bring them: whatever a stranger typed there."""

from __future__ import annotations

from collections.abc import Iterable

LARGEST = 2**63 - 1
"""What PostgreSQL's bigint holds."""
_DIGITS = len(str(LARGEST))
"""More of them are no id, and Python refuses to read thousands."""


def is_one(text: str) -> bool:
    """Whether the text can be the id of a row."""
    plain = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return plain and 0 < int(text) <= LARGEST


def read(texts: Iterable[str]) -> list[int]:
    """The ids among the texts; what is none is passed over."""
    return [int(text) for text in texts if is_one(text)]
