"""Users, workspaces and memberships."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from campaign_app.extensions import db
from campaign_app.lib.errors import NotFound
from campaign_app.models.people import Membership, User


def session_user(user_id: int, *, session_version: int) -> User | None:
    """The user a session belongs to, or None when a change of password has ended it."""
    return db.session.scalars(
        select(User).where(User.id == user_id, User.session_version == session_version)
    ).one_or_none()


def membership(user: User, *, workspace_id: int | None = None) -> Membership:
    """The user's place in the chosen workspace, else in their first.

    Raises NotFound when the user belongs to none.
    """
    mine = db.session.scalars(
        select(Membership)
        .where(Membership.user_id == user.id)
        .options(joinedload(Membership.workspace))
        .order_by(Membership.id)
        .execution_options(all_workspaces=True)  # the user's own, whichever workspace
    ).all()
    for one in mine:
        if one.workspace_id == workspace_id:
            return one
    if not mine:
        raise NotFound("You do not belong to a workspace yet.")
    return mine[0]
