"""Questions to the database that a person waits for, but not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from psycopg2.errors import (
    DeadlockDetected,
    ForeignKeyViolation,
    LockNotAvailable,
    QueryCanceled,
    SerializationFailure,
)
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from campaign_app.extensions import db

T = TypeVar("T")

TOO_LONG = (
    "That took too long, so it was stopped, and nothing has changed. Ask for less, by a narrower"
    " filter for example, or try again in a moment."
)
IN_THE_WAY = (
    "Others were changing the same at the same moment, so this was stopped, and nothing has"
    " changed. Try again."
)

GONE = (
    "Something that this is about was deleted at the same moment, so nothing has changed. Look"
    " again, and try once more."
)

_LIMIT = text("SELECT set_config('statement_timeout', :limit, true)")


def within(seconds: float, ask: Callable[[], T]) -> T | None:
    """What `ask` reads from the database, or None when one statement of it takes longer."""
    try:
        with db.session.begin_nested():
            former = db.session.scalar(text("SHOW statement_timeout"))
            db.session.execute(_LIMIT, {"limit": f"{seconds * 1000:.0f}ms"})
            answer = ask()
            db.session.execute(_LIMIT, {"limit": former})
    except OperationalError as error:
        if isinstance(error.orig, QueryCanceled):
            return None
        raise
    return answer


def without_end() -> None:
    """Let the statements of this transaction take as long as they need: nobody waits for them."""
    db.session.execute(_LIMIT, {"limit": "0"})


def reason(error: DBAPIError) -> str:
    """Why PostgreSQL stopped a statement, in words for people; empty for any other error."""
    if isinstance(error.orig, QueryCanceled):
        return TOO_LONG
    if isinstance(error.orig, ForeignKeyViolation):
        return GONE
    hindered = isinstance(error.orig, DeadlockDetected | LockNotAvailable | SerializationFailure)
    return IN_THE_WAY if hindered else ""
