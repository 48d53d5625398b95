"""Two people's edits that each wait for what the other holds: PostgreSQL ends one, we repeat it.

Rows are locked in one order wherever that can be (see the services), so this is rare. The victim
has done nothing wrong, and nothing at all: its transaction is undone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from psycopg2.errors import DeadlockDetected
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from campaign_app.extensions import db
from campaign_app.lib import logs

T = TypeVar("T")

ATTEMPTS = 3
"""The first one with them; each costs the second after which PostgreSQL looks for a deadlock."""

_COMMITS = "commits"

log = logs.get(__name__)


def install() -> None:
    """Count the commits of every ORM session of the process."""
    if not event.contains(Session, "after_commit", _count):
        event.listen(Session, "after_commit", _count)


def survive(act: Callable[[], T], *, is_repeatable: Callable[[], bool]) -> T:
    """What `act` gives, done again when it was a deadlock's victim.

    Only while nothing of it was committed, so that nothing is done twice: what follows a commit, a
    doorbell say, has not happened then either. `is_repeatable` is asked about all the rest.
    """
    for _ in range(ATTEMPTS - 1):
        before = _commits()
        try:
            return act()
        except OperationalError as error:
            if not _is_victim(error) or _commits() != before or not is_repeatable():
                raise
            db.session.rollback()
            log.info("deadlock survived")
    return act()


def _is_victim(error: OperationalError) -> bool:
    return isinstance(error.orig, DeadlockDetected)


def _commits() -> int:
    return int(db.session().info.get(_COMMITS, 0))


def _count(session: Session) -> None:
    if not session.in_nested_transaction():  # a savepoint's end is undone with the rest
        session.info[_COMMITS] = session.info.get(_COMMITS, 0) + 1
