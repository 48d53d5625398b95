"""How groups end: deleted, or merged into another. Their recipients stay.

A large group vanishes at once and is emptied in the background: a page cannot wait for the removal
of a million rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, exists, func, select, update

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.arrays import any_id
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import EDITABLE, LIVE, Campaign, CampaignGroup
from campaign_app.models.recipients import Group, GroupMember, WaitingAddresses
from campaign_app.services import tallies

STEP = 10_000
PURGED_AT_ONCE = 10_000
"""A larger group vanishes at once and is emptied in the background."""


def discard(workspace: HasId, group_id: int) -> None:
    """Delete a group, with whoever is still on the way into it; its recipients stay.

    One with many members is hidden now and purged by and by: it could take minutes.
    """
    mine = Group.workspace_id == workspace.id, Group.id == group_id
    if tallies.of_group(workspace, group_id) <= PURGED_AT_ONCE:
        db.session.execute(delete(Group).where(*mine))
        return
    db.session.execute(
        delete(WaitingAddresses).where(
            WaitingAddresses.workspace_id == workspace.id, WaitingAddresses.group_id == group_id
        )
    )
    hide(workspace, [group_id], purge_after=clock.now())


def hide(workspace: HasId, ids: Collection[int], *, purge_after: datetime) -> None:
    """Let these groups vanish from every page and campaign; they are purged after a moment."""
    db.session.execute(
        update(Group)
        .where(Group.workspace_id == workspace.id, Group.id == any_id(ids))
        .values(hidden=True, purge_after=purge_after)
    )
    db.session.execute(
        delete(CampaignGroup).where(
            CampaignGroup.workspace_id == workspace.id, CampaignGroup.group_id == any_id(ids)
        )
    )


def torn(workspace: HasId, ids: Collection[int]) -> Sequence[str]:
    """Names of campaigns, still to be planned, that go to one of these groups and spare another."""
    return db.session.scalars(
        select(Campaign.name)
        .join(CampaignGroup, CampaignGroup.campaign_id == Campaign.id)
        .where(
            CampaignGroup.workspace_id == workspace.id,
            CampaignGroup.group_id == any_id(ids),
            Campaign.workspace_id == workspace.id,
            Campaign.status.in_((*EDITABLE, *LIVE)),
            Campaign.planned_at.is_(None),
        )
        .group_by(Campaign.id)
        .having(func.count(CampaignGroup.excluded.distinct()) > 1)
        .order_by(Campaign.name)
    ).all()


def sparing(workspace: HasId, group_id: int) -> str:
    """The name of a campaign, still to be planned, that leaves the group out; else empty."""
    query = (
        select(Campaign.name)
        .join(CampaignGroup, CampaignGroup.campaign_id == Campaign.id)
        .where(
            CampaignGroup.workspace_id == workspace.id,
            CampaignGroup.group_id == group_id,
            CampaignGroup.excluded,
            Campaign.workspace_id == workspace.id,
            Campaign.status.in_((*EDITABLE, *LIVE)),
            Campaign.planned_at.is_(None),
        )
    )
    return db.session.scalar(query.order_by(Campaign.id).limit(1)) or ""


def show_again(workspace: HasId, ids: Collection[int]) -> None:
    """Bring hidden groups back that have not been purged yet; a name that is taken gets a mark."""
    groups = db.session.scalars(
        select(Group).where(
            Group.workspace_id == workspace.id,
            Group.id == any_id(ids),
            Group.purge_after > clock.now(),
        )
    ).all()
    taken = {
        name.lower()
        for name in db.session.scalars(
            select(Group.name).where(Group.workspace_id == workspace.id, ~Group.hidden)
        )
    }
    for group in groups:
        name = group.name
        while group.name.lower() in taken:
            name = f"{name} (restored)"
            group.name = name[-100:]
        taken.add(group.name.lower())
        group.hidden, group.purge_after = False, None


def purgeable() -> Sequence[int]:
    """The ids of deleted groups whose members are to be forgotten now."""
    return db.session.scalars(
        select(Group.id)
        .where(Group.hidden, Group.purge_after < clock.now())
        .execution_options(all_workspaces=True)  # the sweep serves every workspace
    ).all()


def purge(group_id: int) -> bool:
    """Forget some of a deleted group's members, and at last the group; False when it is gone.

    The caller commits.
    """
    group = db.session.scalars(
        select(Group)
        .where(Group.id == group_id, Group.hidden, Group.purge_after < clock.now())
        .with_for_update(skip_locked=True)
        .execution_options(all_workspaces=True)  # a task knows the id only
    ).one_or_none()
    if group is None:
        return False
    mine = (GroupMember.workspace_id == group.workspace_id, GroupMember.group_id == group.id)
    some = select(GroupMember.recipient_id).where(*mine).limit(STEP)
    db.session.execute(delete(GroupMember).where(*mine, GroupMember.recipient_id.in_(some)))
    if not db.session.scalar(select(exists().where(*mine))):
        db.session.delete(group)
    return True


def drafts_using(workspace: HasId, ids: Collection[int]) -> dict[int, list[str]]:
    """The names of the campaigns not started yet that chose each of these groups."""
    rows = db.session.execute(
        select(CampaignGroup.group_id, Campaign.name)
        .join(Campaign, Campaign.id == CampaignGroup.campaign_id)
        .where(
            CampaignGroup.workspace_id == workspace.id,
            CampaignGroup.group_id == any_id(ids),
            Campaign.workspace_id == workspace.id,
            Campaign.status.in_(("draft", "scheduled")),
        )
        .order_by(Campaign.name)
    )
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row.group_id, []).append(row.name)
    return found
