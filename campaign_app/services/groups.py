"""Named sets of recipients. A campaign's own hidden group never shows here."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, exists, func, select

from campaign_app.extensions import db
from campaign_app.lib.arrays import any_id
from campaign_app.lib.errors import Conflict, Invalid, NotFound
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import Campaign, CampaignGroup, CampaignStatus
from campaign_app.models.people import User
from campaign_app.models.recipients import Group, GroupMember, Recipient
from campaign_app.services import (
    audit,
    group_endings,
    group_heirs,
    group_joining,
    recipient_filter,
    tallies,
)
from campaign_app.services.uniqueness import claimed

MAX_NAME = 100


def standing(workspace: HasId) -> Sequence[Group]:
    """The groups that people made, by name."""
    return db.session.scalars(
        owned_by(workspace, Group).where(~Group.hidden).order_by(func.lower(Group.name))
    ).all()


def page(workspace: HasId, *, after: int = 0, size: int = 100) -> Sequence[Group]:
    """Those groups in the order they were made, after an id."""
    return db.session.scalars(
        owned_by(workspace, Group)
        .where(~Group.hidden, Group.id > after)
        .order_by(Group.id)
        .limit(size)
    ).all()


def sizes(workspace: HasId, ids: Collection[int] | None = None) -> dict[int, int]:
    """How many recipients each group (or each of these) has; an empty one is missing."""
    if ids is None:
        mine = owned_by(workspace, Group).where(~Group.hidden).with_only_columns(Group.id)
        ids = db.session.scalars(mine).all()
    return tallies.of_groups(workspace, ids)


def get(workspace: HasId, group_id: int) -> Group:
    """A group that people made. Raises NotFound."""
    group = db.session.scalars(
        owned_by(workspace, Group).where(Group.id == group_id, ~Group.hidden)
    ).one_or_none()
    if group is None:
        raise NotFound
    return group


def chosen(workspace: HasId, ids: Collection[int]) -> Sequence[Group]:
    """Those of the ids that are groups of the workspace; strangers' are passed over."""
    return [group for group in standing(workspace) if group.id in ids]


def create(workspace: HasId, *, name: str, user: User) -> Group:
    """A new, empty group. Raises Invalid when the name is missing or taken."""
    group = Group(workspace_id=workspace.id, name=_name(name))
    _save(group)
    summary = f"{user.name} created the group “{group.name}”"
    audit.record(workspace, "group.created", summary, user=user, subject_id=group.id)
    return group


def rename(workspace: HasId, group: Group, *, name: str, user: User) -> None:
    """Give it another name. Raises Invalid when that is missing or taken."""
    former, plain = group.name, _name(name)
    if plain == former:
        return
    _save(group, name=plain)
    summary = f"{user.name} renamed the group “{former}” to “{plain}”"
    audit.record(workspace, "group.renamed", summary, user=user, subject_id=group.id)


def delete_one(workspace: HasId, group: Group, *, user: User) -> None:
    """Forget the group; its recipients stay, and so does what started campaigns planned.

    Raises Conflict while a campaign is still to leave it out: without it, more would be mailed.
    """
    group_heirs.hold(workspace, [group.id])
    if sparing := group_endings.sparing(workspace, group.id):
        raise Conflict(
            f"“{group.name}” cannot be deleted: “{sparing}” leaves its people out. Change that"
            " campaign’s audience first."
        )
    summary = f"{user.name} deleted the group “{group.name}”"
    audit.record(workspace, "group.deleted", summary, user=user, subject_id=group.id)
    group_endings.discard(workspace, group.id)


def waiting_campaigns(workspace: HasId, group: Group) -> Sequence[str]:
    """Names of the campaigns that are still to be sent to the group."""
    return db.session.scalars(
        select(Campaign.name)
        .where(
            Campaign.workspace_id == workspace.id,
            Campaign.status.in_((CampaignStatus.DRAFT, CampaignStatus.SCHEDULED)),
            exists().where(
                CampaignGroup.workspace_id == workspace.id,
                CampaignGroup.campaign_id == Campaign.id,
                CampaignGroup.group_id == group.id,
            ),
        )
        .order_by(Campaign.name)
    ).all()


def join(workspace: HasId, group: Group, ids: Collection[int]) -> int:
    """Put recipients into the group; gives how many were not in it before, and are now.

    Ids that are not the workspace's own are passed over, and so is who had left it for good.
    """
    return group_joining.join(workspace, group.id, ids).number


def leave(workspace: HasId, group: Group, ids: Collection[int]) -> int:
    """Take recipients out of the group; gives how many were in it."""
    mine = (GroupMember.workspace_id == workspace.id, GroupMember.group_id == group.id)
    meant = select(GroupMember.recipient_id).where(*mine, GroupMember.recipient_id == any_id(ids))
    # Held in one order for everybody: no deadlock.
    held = meant.order_by(GroupMember.recipient_id).with_for_update().cte()
    left = db.session.scalars(
        delete(GroupMember)
        .where(*mine, GroupMember.recipient_id.in_(select(held.c.recipient_id)))
        .returning(GroupMember.recipient_id)
    )
    recipient_filter.forget_counts(workspace)
    return len(left.all())


def of(workspace: HasId, ids: Collection[int]) -> dict[int, list[Group]]:
    """The groups of each of these recipients, by name; one without groups is missing."""
    groups: dict[int, list[Group]] = {}
    rows = db.session.execute(
        select(GroupMember.recipient_id, Group)
        .join(Group, Group.id == GroupMember.group_id)
        .where(
            Group.workspace_id == workspace.id,
            GroupMember.workspace_id == workspace.id,
            GroupMember.recipient_id.in_(ids),
            ~Group.hidden,
        )
        .order_by(func.lower(Group.name))
    )
    for recipient_id, group in rows:
        groups.setdefault(recipient_id, []).append(group)
    return groups


def assign(workspace: HasId, recipient: Recipient, ids: Collection[int]) -> None:
    """Make these the groups that somebody is in."""
    former = {group.id for group in of(workspace, [recipient.id]).get(recipient.id, [])}
    for group in standing(workspace):
        if group.id in ids and group.id not in former:
            join(workspace, group, [recipient.id])
        elif group.id in former and group.id not in ids:
            leave(workspace, group, [recipient.id])


def _name(name: str) -> str:
    plain = " ".join(name.split())
    if not plain:
        raise Invalid("Give the group a name.", field="name")
    if len(plain) > MAX_NAME:
        raise Invalid(f"A group's name can have {MAX_NAME} characters.", field="name")
    return plain


def _save(group: Group, *, name: str = "") -> None:
    wanted = name or group.name
    with claimed(f"There is a group called “{wanted}” already."):
        group.name = wanted
        db.session.add(group)
