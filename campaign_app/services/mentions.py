"""Every place where an address may stand among other words, and taking it out there.

The tables are asked, not a list: a column that is new tomorrow is searched through tomorrow. What
is left alone says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    SQLColumnExpression,
    Table,
    Text,
    and_,
    cast,
    func,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.dml import Update

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import HasId, Owned

_OWN_WORDS = "what the workspace itself writes or is"
_WHOLE = "an address of its own, which the erasure handles as one"
LEFT_ALONE = {
    **dict.fromkeys(
        (
            *("api_tokens", "campaigns", "links", "senders", "signup_forms", "signup_wordings"),
            *("templates", "uploads"),
        ),
        _OWN_WORDS,
    ),
    "tallies": "states only",
    "batches": "workers and journals only",
    "lost_windows": "journals only",
    "open_events": "found by its message, and emptied",
    "click_events": "found by its message, and emptied",
    "waiting_addresses.addresses": "a list, from which the address is taken",
    "consent_events.email": _WHOLE,
    "erasures.email": _WHOLE,
    "messages.address": _WHOLE,
    "recipient_changes.email": _WHOLE,
    "recipients.email": _WHOLE,
    "signups.email": _WHOLE,
    "suppressions.email": _WHOLE,
    "import_batches.tags": "arrays inside texts; emptied by whose they are",
}
"""A table, or a column as `table.column` → why it is not searched through."""

# What would make it another address. Rather one too many than one that stays: "to=ana@…" counts.
_BEFORE = r"(?<![a-z0-9._%+-])"
_AFTER = r"(?![a-z0-9-]|\.[a-z0-9])"


def scrubbings(workspace: HasId, email: str, *, instead: str) -> Iterator[Update]:
    """Statements that write `instead` wherever the address stands among other words.

    One for each column, so that each can be a transaction of its own. They are Core statements on
    one table each, and name the workspace.
    """
    for column in _columns():
        clean = func.regexp_replace(cast(column, Text), _pattern(email), instead, "gi")
        yield (
            update(column.table)
            .where(column.table.c.workspace_id == workspace.id, names(column, email))
            .values({column.name: cast(type_coerce(clean, Text), column.type)})
            .execution_options(synchronize_session=False)
        )


def names(column: SQLColumnExpression[Any], email: str) -> ColumnElement[bool]:
    """Whether the words of a column name the address; longer ones that hold it do not count."""
    words = cast(column, Text)
    # The first condition is far cheaper than the pattern.
    return and_(func.strpos(func.lower(words), email) > 0, words.op("~*")(_pattern(email)))


def _columns() -> Iterator[Column[object]]:
    for mapper in Base.registry.mappers:
        table = mapper.local_table
        if not issubclass(mapper.class_, Owned) or not isinstance(table, Table):
            continue
        for column in table.columns:
            called = {table.name, f"{table.name}.{column.name}"}
            if holds_words(column) and not called & LEFT_ALONE.keys():
                yield column


def holds_words(column: Column[object]) -> bool:
    """Whether a column can hold any words: text, JSON, or a list of either. Enums cannot."""
    kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
    return isinstance(kind, Text | JSONB)


def _pattern(email: str) -> str:
    itself = re.sub(r"([^a-z0-9@_-])", r"\\\1", email)
    return f"{_BEFORE}{itself}{_AFTER}"
