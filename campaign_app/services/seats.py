"""Whose session it is and where they sit, in one short question: for pages that ask and ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from campaign_app.extensions import db
from campaign_app.models.people import Membership, User


class Seat(NamedTuple):
    """A member's place in one workspace."""

    user_id: int
    workspace_id: int
    time_zone: str


# The chosen workspace, else the first, as a page's door finds it.
_SEAT = (
    select(User.id, Membership.workspace_id, User.time_zone)
    .join(Membership, Membership.user_id == User.id)
    .where(User.id == bindparam("user"), User.session_version == bindparam("version"))
    .order_by((Membership.workspace_id == bindparam("chosen")).desc(), Membership.id)
    .limit(1)
    .execution_options(all_workspaces=True)  # the user's own, whichever workspace
)


def taken(user_id: int, *, session_version: int, workspace_id: int | None) -> Seat | None:
    """The seat of a session's user; None when the session is over or they belong nowhere.

    Raises SQLAlchemyError when the database cannot be asked.
    """
    values = {"user": user_id, "version": session_version, "chosen": workspace_id or 0}
    with _without_transaction() as connection:
        row = connection.execute(_SEAT, values).one_or_none()
    return Seat(*row) if row else None


@contextmanager
def _without_transaction() -> Iterator[Connection]:
    """One trip to the database instead of three.

    By the driver's own switch: SQLAlchemy's isolation levels take a trip to set, and one to reset.
    """
    with db.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.autocommit = True
        try:
            yield connection
        finally:
            if not driver.closed:
                driver.autocommit = False
