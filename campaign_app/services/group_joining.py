"""People who come into a group, but for those who left it of their own will."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, text

from campaign_app.extensions import db
from campaign_app.lib.arrays import any_id
from campaign_app.lib.errors import Conflict
from campaign_app.lib.tenancy import HasId
from campaign_app.models.recipients import Group, GroupRefusal
from campaign_app.services import recipient_filter

# Held in one order for everybody, against deadlocks, and so that who is deleted at the same moment
# is passed over. The table's trigger keeps those out as well who leave for good meanwhile.
JOINING = """
    INSERT INTO group_members (workspace_id, group_id, recipient_id)
    SELECT workspace_id, :group, id FROM (
        SELECT r.workspace_id, r.id FROM recipients r
        WHERE r.workspace_id = :workspace AND r.id = ANY(:ids)
          AND NOT EXISTS (
              SELECT FROM group_refusals f
              WHERE f.workspace_id = :workspace AND f.group_id = :group AND f.recipient_id = r.id)
        ORDER BY r.id FOR KEY SHARE OF r) AS held
    ON CONFLICT DO NOTHING
    """
_JOIN = text(JOINING)


@dataclass(frozen=True, slots=True)
class Joined:
    """How many came into the group, and how many stay out because they had left it for good."""

    number: int = 0
    refused: int = 0


def join(workspace: HasId, group_id: int, ids: Collection[int]) -> Joined:
    """Put recipients into a group of the workspace; ids that are not its own are passed over.

    Raises Conflict when the group was deleted meanwhile.
    """
    if not hold(workspace, [group_id]):
        raise Conflict("The group was deleted meanwhile.")
    values = {"workspace": workspace.id, "group": group_id, "ids": list(ids)}
    number = db.session.execute(_JOIN, values).rowcount  # type: ignore[attr-defined]
    recipient_filter.forget_counts(workspace)
    return Joined(number, refused(workspace, group_id, ids))


def hold(workspace: HasId, ids: Collection[int]) -> set[int]:
    """Keep these groups from ending until the commit; gives those that are there.

    Before their people are held: a merge takes them in this order, too, and would deadlock.
    """
    rows = select(Group.id).where(Group.workspace_id == workspace.id, Group.id == any_id(ids))
    held = rows.order_by(Group.id).with_for_update(read=True, key_share=True)
    return set(db.session.scalars(held))


def insist(workspace: HasId, group_id: int) -> None:
    """Keep the group from ending until the commit. Raises Conflict when it has ended already."""
    hold(workspace, [group_id])
    lasting = select(Group.id).where(
        Group.workspace_id == workspace.id, Group.id == group_id, Group.purge_after.is_(None)
    )
    if db.session.scalar(lasting) is None:
        raise Conflict("The group was deleted meanwhile.")


def refused(workspace: HasId, group_id: int, ids: Collection[int]) -> int:
    """How many of these recipients had left the group of their own will, for good."""
    query = select(func.count()).where(*_of(workspace, group_id, ids))
    return db.session.scalar(query) or 0


def refusing(workspace: HasId, group_id: int, ids: Collection[int]) -> set[int]:
    """The ids of these people."""
    query = select(GroupRefusal.recipient_id).where(*_of(workspace, group_id, ids))
    return set(db.session.scalars(query))


def _of(workspace: HasId, group_id: int, ids: Collection[int]) -> tuple[ColumnElement[bool], ...]:
    return (
        GroupRefusal.workspace_id == workspace.id,
        GroupRefusal.group_id == group_id,
        GroupRefusal.recipient_id == any_id(ids),
    )
