"""Who is in a group, by address: as a program gives them, any number at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.lib.arrays import any_text
from campaign_app.lib.errors import Conflict
from campaign_app.lib.tenancy import HasId
from campaign_app.models.people import User
from campaign_app.models.recipients import Group, Recipient
from campaign_app.services import audit, group_filling, groups
from campaign_app.services.consent import Why
from campaign_app.services.group_filling import Filled


def add(workspace: HasId, group: Group, emails: Sequence[str], *, user: User) -> Filled:
    """Put these checked addresses into the group; who is not on the list yet is subscribed.

    Many of them wait in their rows: ring for them after the commit.
    """
    why = Why(f"Added to the group “{group.name}”", "api", user)
    filled = group_filling.fill(workspace, group.id, emails, why=why)
    if number := filled.number if filled.joined is None else filled.joined.number:
        people = "address" if number == 1 else "addresses"
        summary = f"{user.name} added {number:,} {people} to the group “{group.name}”"
        audit.record(workspace, "group.filled", summary, user=user, subject_id=group.id)
    return filled


def remove(workspace: HasId, group: Group, emails: Collection[str]) -> int:
    """Take these normalised addresses out of the group, and give how many were in it.

    Raises Conflict while others are still on their way into it: they might be the same.
    """
    if not emails:
        return 0
    if group_filling.is_filling(workspace, group.id):
        raise Conflict(
            f"“{group.name}” is still being filled. Take people out once `filling` is false."
        )
    ids = select(Recipient.id).where(
        Recipient.workspace_id == workspace.id, Recipient.email == any_text(emails)
    )
    return groups.leave(workspace, group, db.session.scalars(ids).all())
