"""People who come into a group, but for those who left it of their own will."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, text

from campaign_app.extensions import db
from campaign_app.lib.arrays import any_id
from campaign_app.lib.tenancy import HasId
from campaign_app.models.recipients import GroupRefusal
from campaign_app.services import recipient_filter

# In one order for everybody: no deadlock. The table's trigger keeps those out as well who leave for
# good at the same moment, but after it is counted who joined.
_JOIN = text(
    """
    INSERT INTO group_members (workspace_id, group_id, recipient_id)
    SELECT r.workspace_id, :group, r.id FROM recipients r
    WHERE r.workspace_id = :workspace AND r.id = ANY(:ids)
      AND NOT EXISTS (
          SELECT FROM group_refusals f
          WHERE f.workspace_id = :workspace AND f.group_id = :group AND f.recipient_id = r.id)
    ORDER BY r.id
    ON CONFLICT DO NOTHING
    """
)


@dataclass(frozen=True, slots=True)
class Joined:
    """How many came into the group, and how many stay out because they had left it for good."""

    number: int = 0
    refused: int = 0


def join(workspace: HasId, group_id: int, ids: Collection[int]) -> Joined:
    """Put recipients into a group of the workspace; ids that are not its own are passed over."""
    values = {"workspace": workspace.id, "group": group_id, "ids": list(ids)}
    number = db.session.execute(_JOIN, values).rowcount  # type: ignore[attr-defined]
    recipient_filter.forget_counts(workspace)
    return Joined(number, refused(workspace, group_id, ids))


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
