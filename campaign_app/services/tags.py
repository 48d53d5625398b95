"""Tags: short words that recipients are marked with."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_

from campaign_app.lib.errors import Invalid
from campaign_app.models.recipients import Recipient

MAX_TAGS, MAX_TAG = 20, 50


def checked(tags: Iterable[str]) -> list[str]:
    """The tags in the form they are stored in: small letters, each once, in alphabetical order.

    Raises Invalid with field "tags".
    """
    plain = sorted({" ".join(tag.split()).lower() for tag in tags} - {""})
    if len(plain) > MAX_TAGS:
        raise Invalid(f"Choose {MAX_TAGS} tags at most.", field="tags")
    for tag in plain:
        if len(tag) > MAX_TAG:
            raise Invalid(f"A tag can have {MAX_TAG} characters.", field="tags")
        if not tag.isprintable() or "," in tag:
            raise Invalid("A tag is a word or two, without commas.", field="tags")
    return plain


def having(tag: str) -> ColumnElement[bool]:
    """The condition that a recipient has the tag, as its index answers it."""
    return and_(Recipient.tags != [], Recipient.tags.contains([tag]))
