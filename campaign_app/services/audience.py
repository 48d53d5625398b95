"""Who gets a campaign: the union of the chosen groups and the campaign's own hidden group.

Two readings of one rule: `members` names everybody who is mailed, `preview` counts them, and
whoever is left out, without touching a row per recipient where it can be avoided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, delete, exists, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import insert

from campaign_app.extensions import db
from campaign_app.lib import address, like
from campaign_app.lib.arrays import any_text
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import Campaign, CampaignGroup
from campaign_app.models.people import User
from campaign_app.models.recipients import (
    Group,
    GroupMember,
    Recipient,
    RecipientStatus,
    Suppression,
)
from campaign_app.services import group_filling
from campaign_app.services.consent import Why

OPTED_OUT = (RecipientStatus.UNSUBSCRIBED, RecipientStatus.COMPLAINED)


@dataclass(frozen=True, slots=True)
class Audience:
    """selected − duplicates − unsubscribed − suppressed = total, as of now."""

    selected: int = 0
    duplicates: int = 0
    unsubscribed: int = 0
    """Opted out or complained."""
    suppressed: int = 0
    """Bounced, or on the suppression list."""

    @property
    def total(self) -> int:
        """How many will get it."""
        return self.selected - self.duplicates - self.unsubscribed - self.suppressed


def preview(workspace: HasId, campaign: Campaign) -> Audience:
    """The audience in numbers. One statement; the exceptions are counted from their own indexes."""
    groups = group_ids(workspace, campaign)
    if not groups:
        return Audience()
    places = _places(workspace, groups)
    selected = select(func.count()).select_from(places.subquery()).scalar_subquery()
    row = db.session.execute(
        select(
            selected.label("selected"),
            _different(places, groups).label("different"),
            _counted(workspace, groups, Recipient.status.in_(OPTED_OUT)).label("unsubscribed"),
            _suppressed(workspace, groups).label("suppressed"),
        )
    ).one()
    duplicates = row.selected - row.different if len(groups) > 1 else 0
    return Audience(row.selected, duplicates, row.unsubscribed, row.suppressed)


def members(workspace: HasId, campaign: Campaign) -> Select[int, str]:
    """Id and address of everybody who would be mailed now, each once, in no order."""
    return select(Recipient.id, Recipient.email).where(
        Recipient.workspace_id == workspace.id,
        Recipient.status == RecipientStatus.SUBSCRIBED,
        Recipient.id.in_(_places(workspace, group_ids(workspace, campaign))),
        ~_is_suppressed(workspace),
    )


def is_empty(workspace: HasId, campaign: Campaign) -> bool:
    """Whether nobody would get it; stops at the first who would."""
    return db.session.execute(members(workspace, campaign).limit(1)).first() is None


def group_ids(workspace: HasId, campaign: Campaign) -> list[int]:
    """The chosen groups and the campaign's own."""
    chosen = chosen_groups(workspace, campaign)
    return [*chosen, campaign.own_group_id] if campaign.own_group_id else chosen


def chosen_groups(workspace: HasId, campaign: Campaign) -> list[int]:
    """The ids of the groups a person chose."""
    return list(
        db.session.scalars(
            select(CampaignGroup.group_id)
            .where(
                CampaignGroup.workspace_id == workspace.id,
                CampaignGroup.campaign_id == campaign.id,
            )
            .order_by(CampaignGroup.group_id)
        )
    )


def choose_groups(workspace: HasId, campaign: Campaign, ids: Collection[int]) -> None:
    """Make these the chosen groups. Raises Invalid when one of them is not the workspace's."""
    own = db.session.scalars(
        select(Group.id).where(Group.workspace_id == workspace.id, Group.id.in_(ids), ~Group.hidden)
    ).all()
    if len(own) < len(set(ids)):
        raise Invalid(
            "One of these groups does not exist in this workspace. Choose again.", field="group_ids"
        )
    db.session.execute(
        delete(CampaignGroup).where(
            CampaignGroup.workspace_id == workspace.id, CampaignGroup.campaign_id == campaign.id
        )
    )
    db.session.add_all(
        CampaignGroup(workspace_id=workspace.id, campaign_id=campaign.id, group_id=group)
        for group in own
    )
    db.session.flush()


def own_group(workspace: HasId, campaign: Campaign) -> int:
    """The id of the campaign's hidden group, made when it is first asked for."""
    if campaign.own_group_id is None:
        group = Group(workspace_id=workspace.id, name=f"Campaign {campaign.id}", hidden=True)
        db.session.add(group)
        db.session.flush()
        campaign.own_group_id = group.id
        db.session.flush()
    return campaign.own_group_id


def direct(workspace: HasId, campaign: Campaign, *, limit: int) -> Sequence[str]:
    """The addresses in the campaign's own group, by alphabet."""
    return db.session.scalars(
        select(Recipient.email)
        .where(Recipient.workspace_id == workspace.id)
        .where(Recipient.id.in_(_places(workspace, [campaign.own_group_id or 0])))
        .order_by(Recipient.email)
        .limit(limit)
    ).all()


def count_direct(workspace: HasId, campaign: Campaign) -> int:
    """How many are in the campaign's own group."""
    own = _places(workspace, [campaign.own_group_id or 0])
    return db.session.scalar(select(func.count()).select_from(own.subquery())) or 0


def add_direct(
    workspace: HasId, campaign: Campaign, emails: Iterable[str], *, user: User | None = None
) -> None:
    """Put addresses into the campaign's own group; who is not on the list yet is subscribed.

    Raises Invalid, naming the first few, when some are no addresses.
    """
    normal = normalised(emails)
    if not normal:
        return
    group = own_group(workspace, campaign)
    why = Why(f"Added to the campaign “{campaign.name}”", "campaign", user)
    group_filling.put(workspace, group, normal, why=why)


def change_direct(
    workspace: HasId,
    campaign: Campaign,
    *,
    before: Iterable[str],
    after: Iterable[str],
    user: User | None = None,
) -> None:
    """Bring the own group from what a person saw to what they wrote; what else it holds stays."""
    was, becomes = set(normalised(before)), set(normalised(after))
    remove_direct(workspace, campaign, was - becomes)
    add_direct(workspace, campaign, becomes - was, user=user)


def remove_direct(workspace: HasId, campaign: Campaign, emails: Collection[str]) -> None:
    """Take addresses out of the campaign's own group; they stay recipients."""
    whose = select(Recipient.id).where(
        Recipient.workspace_id == workspace.id, Recipient.email == any_text(emails)
    )
    db.session.execute(
        delete(GroupMember).where(
            GroupMember.workspace_id == workspace.id,
            GroupMember.group_id == (campaign.own_group_id or 0),
            GroupMember.recipient_id.in_(whose),
        )
    )


def find(workspace: HasId, campaign: Campaign, search: str, *, limit: int = 8) -> list[Recipient]:
    """Some of the audience whose address begins with `search`, to look over their shoulders."""
    groups = group_ids(workspace, campaign)
    chosen = owned_by(workspace, Recipient).where(
        Recipient.status == RecipientStatus.SUBSCRIBED, _among(workspace, groups)
    )
    if search:
        chosen = chosen.where(Recipient.email.like(like.starting_with(search.strip().lower())))
    return list(db.session.scalars(chosen.order_by(Recipient.email).limit(limit)))


def copy_to(workspace: HasId, campaign: Campaign, copy: Campaign) -> None:
    """Give `copy` the same audience."""
    choose_groups(workspace, copy, chosen_groups(workspace, campaign))
    if campaign.own_group_id:
        people = _places(workspace, [campaign.own_group_id]).subquery()
        group = own_group(workspace, copy)
        group_filling.copy_waiting(workspace, campaign.own_group_id, to=group)
        _join(select(literal(workspace.id), literal(group), people.c.recipient_id))


def normalised(emails: Iterable[str]) -> list[str]:
    """The addresses in the form they are compared in, each once. Raises Invalid."""
    results = address.normalise_many(emails)
    wrong = [problem for _, problem in results if problem]
    if wrong:
        more = f" And {len(wrong) - 3:,} more like these." if len(wrong) > 3 else ""
        raise Invalid(" ".join(wrong[:3]) + more, field="direct")
    return list(dict.fromkeys(email for email, _ in results))


def _places(workspace: HasId, groups: Sequence[int]) -> Select[int]:
    return select(GroupMember.recipient_id).where(
        GroupMember.workspace_id == workspace.id, GroupMember.group_id.in_(groups)
    )


def _different(places: Select[int], groups: Sequence[int]) -> ColumnElement[int]:
    """How many people hold these places; not asked within one group, where nobody is twice."""
    if len(groups) == 1:
        return literal(0)
    return select(func.count()).select_from(places.distinct().subquery()).scalar_subquery()


def _join(rows: Select[int, int, int]) -> None:
    columns = ["workspace_id", "group_id", "recipient_id"]
    db.session.execute(insert(GroupMember).from_select(columns, rows).on_conflict_do_nothing())


def _is_suppressed(workspace: HasId) -> ColumnElement[bool]:
    return exists().where(
        Suppression.workspace_id == workspace.id, Suppression.email == Recipient.email
    )


def _among(workspace: HasId, groups: Sequence[int]) -> ColumnElement[bool]:
    return exists().where(
        GroupMember.workspace_id == workspace.id,
        GroupMember.group_id.in_(groups),
        GroupMember.recipient_id == Recipient.id,
    )


def _counted(
    workspace: HasId, groups: Sequence[int], which: ColumnElement[bool]
) -> ColumnElement[int]:
    return (
        select(func.count())
        .select_from(Recipient)
        .where(Recipient.workspace_id == workspace.id, which, _among(workspace, groups))
        .scalar_subquery()
    )


def _suppressed(workspace: HasId, groups: Sequence[int]) -> ColumnElement[int]:
    among = _among(workspace, groups)
    bounced = owned_by(workspace, Recipient).with_only_columns(Recipient.id)
    listed = (
        bounced.join(Suppression, Suppression.email == Recipient.email)
        .where(Suppression.workspace_id == workspace.id)
        .where(Recipient.status == RecipientStatus.SUBSCRIBED, among)
    )
    both = union_all(bounced.where(Recipient.status == RecipientStatus.BOUNCED, among), listed)
    return select(func.count()).select_from(both.subquery()).scalar_subquery()
