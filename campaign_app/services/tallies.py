"""How many recipients there are by status, by tag and by group: exact, at any size.

Triggers append every change as a row of its own, so that no two writers wait for one counter. The
rows of a workspace are added up into a few from time to time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, exists, func, select, text

from campaign_app.extensions import db
from campaign_app.lib.arrays import any_id
from campaign_app.lib.tenancy import HasId
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import Group, RecipientStatus
from campaign_app.models.tallies import Tally

FOLD_FROM = 200
"""Rows of one workspace that are worth adding up."""

# Only what this statement has deleted itself is added up, so that two at once do no harm; a row
# that another one holds is left to it.
_FOLD = text(
    """
    WITH changes AS (
        SELECT id FROM tallies WHERE workspace_id = :workspace ORDER BY id
        LIMIT 100000 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM tallies t USING changes c
        WHERE t.workspace_id = :workspace AND t.id = c.id
        RETURNING t.group_id, t.status, t.tag, t.number
    )
    INSERT INTO tallies (workspace_id, group_id, status, tag, number)
    SELECT :workspace, group_id, status, tag, sum(number) FROM gone
    GROUP BY group_id, status, tag HAVING sum(number) <> 0
    """
)


def of_groups(workspace: HasId, ids: Collection[int]) -> dict[int, int]:
    """How many members each of these groups has; an empty one is missing."""
    rows = db.session.execute(
        select(Tally.group_id, func.sum(Tally.number).label("number"))
        .where(Tally.workspace_id == workspace.id, Tally.group_id == any_id(ids))
        .group_by(Tally.group_id)
    )
    return {row.group_id: int(row.number) for row in rows if row.number > 0}


def of_group(workspace: HasId, group_id: int) -> int:
    """How many members the group has."""
    return of_groups(workspace, [group_id]).get(group_id, 0)


def by_status(workspace: HasId) -> dict[RecipientStatus, int]:
    """How many recipients of each status the workspace has."""
    rows = db.session.execute(
        select(Tally.status, func.sum(Tally.number).label("number"))
        .where(Tally.workspace_id == workspace.id, Tally.group_id == 0, Tally.tag == "")
        .group_by(Tally.status)
    )
    found = {row.status: int(row.number) for row in rows}
    return {status: found.get(status.value, 0) for status in RecipientStatus}


def by_tag(workspace: HasId) -> dict[str, int]:
    """How many recipients have each tag that anybody has, in alphabetical order."""
    number = func.sum(Tally.number)
    rows = db.session.execute(
        select(Tally.tag, number.label("number"))
        .where(Tally.workspace_id == workspace.id, Tally.group_id == 0, Tally.status == "")
        .group_by(Tally.tag)
        .having(number > 0)
        .order_by(Tally.tag)
    )
    return {row.tag: int(row.number) for row in rows}


def long() -> Sequence[int]:
    """The ids of workspaces whose changes are worth adding up."""
    return db.session.scalars(
        select(Tally.workspace_id)
        .group_by(Tally.workspace_id)
        .having(func.count() >= FOLD_FROM)
        .execution_options(all_workspaces=True)  # the sweep serves every workspace
    ).all()


def fold(workspace_id: int) -> None:
    """Add the changes of a workspace up; the caller commits."""
    db.session.execute(_FOLD, {"workspace": workspace_id})


def sweep() -> None:
    """Forget the changes of workspaces and groups that are gone; the caller commits.

    Their last change was committed with their end, so what is left adds up to nothing.
    """
    no_workspace = ~exists().where(Workspace.id == Tally.workspace_id)
    no_group = ~exists().where(Group.workspace_id == Tally.workspace_id, Group.id == Tally.group_id)
    db.session.execute(
        delete(Tally).where(no_workspace | ((Tally.group_id != 0) & no_group)),
        execution_options={"all_workspaces": True, "synchronize_session": False},
    )
