"""Questions to the database that a person waits for, but not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from psycopg2.errors import QueryCanceled
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from campaign_app.extensions import db

T = TypeVar("T")

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
