"""Who gets a campaign: who is in the chosen groups and segments and in the campaign's own group,
less who is excluded.

Two readings of one rule: `members` names everybody who is mailed, `preview` counts them, and
whoever is left out, without touching a row per recipient where it can be avoided.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, false, func, literal, select, text, true
from sqlalchemy.dialects.postgresql import insert

from campaign_app.extensions import db
from campaign_app.lib import like, patience
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import Campaign
from campaign_app.models.recipients import (
    Group,
    GroupMember,
    Recipient,
    RecipientStatus,
    Suppression,
)
from campaign_app.services import audience_choice, audience_parts, group_filling
from campaign_app.services.audience_choice import Choice
from campaign_app.services.audience_parts import Parts, People, of_groups, people_of

OPTED_OUT = (RecipientStatus.UNSUBSCRIBED, RecipientStatus.COMPLAINED)

COUNT_SECONDS = 5
"""How long a person waits for a count while choosing."""
_WITH_MEMORY = text("SET LOCAL work_mem = '64MB'")
"""A million people are told apart in memory; on disk it takes three times as long."""


@dataclass(frozen=True, slots=True)
class Audience:
    """selected − duplicates − excluded − unsubscribed − suppressed = total, as of now."""

    selected: int = 0
    duplicates: int = 0
    """In several of the groups and segments, or another spelling of somebody's mailbox."""
    excluded: int = 0
    unsubscribed: int = 0
    """Opted out or complained."""
    suppressed: int = 0
    """Bounced, or on the suppression list."""
    spellings: int = 0
    """Those of the duplicates that are another spelling of a mailbox which is mailed."""

    @property
    def total(self) -> int:
        """How many will get it."""
        out = self.duplicates + self.excluded + self.unsubscribed + self.suppressed
        return self.selected - out


def preview(workspace: HasId, campaign: Campaign) -> Audience:
    """The audience in numbers."""
    return counted(audience_parts.of(workspace, campaign))


def preview_of(
    workspace: HasId, choice: Choice, *, campaign: Campaign | None, one_per_mailbox: bool
) -> Audience | None:
    """The same of a choice that is not saved yet; None when counting takes too long to wait."""
    own = [campaign.own_group_id] if campaign and campaign.own_group_id else []
    parts = audience_parts.of_choice(workspace, choice, own, one_per_mailbox=one_per_mailbox)
    return patience.within(COUNT_SECONDS, lambda: counted(parts))


def counted(parts: Parts) -> Audience:
    """People in numbers. One statement; the exceptions are counted from their own indexes."""
    if not parts.chosen:
        return Audience()
    db.session.execute(_WITH_MEMORY)
    row = db.session.execute(
        select(
            _in_segments(parts.chosen).label("in_segments"),
            _different(parts.chosen).label("different"),
            _excluded(parts).label("excluded"),
            _found(parts, Recipient.status.in_(OPTED_OUT)).label("unsubscribed"),
            _suppressed(parts).label("suppressed"),
            _spellings(parts).label("spellings"),
        )
    ).one()
    selected = row.in_segments + sum(parts.sizes.values())
    twice = selected - row.different if parts.chosen.parts > 1 else 0
    return Audience(
        selected=selected,
        duplicates=twice + row.spellings,
        excluded=row.excluded,
        unsubscribed=row.unsubscribed,
        suppressed=row.suppressed,
        spellings=row.spellings,
    )


def members(workspace: HasId, campaign: Campaign) -> Select[int, str]:
    """Id and address of everybody who would be mailed now, each once, in no order."""
    return members_of(audience_parts.of(workspace, campaign))


def members_of(parts: Parts) -> Select[int, str]:
    """The same of people that need not be a campaign's."""
    query = select(Recipient.id, Recipient.email).where(
        Recipient.workspace_id == parts.workspace.id
    )
    if not parts.chosen:
        return query.where(false())
    return query.where(*parts.members(), *parts.mailable(), parts.first_spelling())


def is_empty(workspace: HasId, campaign: Campaign) -> bool:
    """Whether nobody would get it; stops at the first who would."""
    # Of several spellings one is mailed: none needs to be looked for.
    return db.session.execute(somebody(workspace, campaign).limit(1)).first() is None


def somebody(workspace: HasId, campaign: Campaign) -> Select[int]:
    """Ids of the audience in no order, every spelling of a mailbox: for the first few of it."""
    parts = audience_parts.of(workspace, campaign)
    return select(Recipient.id).where(
        Recipient.workspace_id == workspace.id, *parts.members(), *parts.mailable()
    )


def own_group(workspace: HasId, campaign: Campaign) -> int:
    """The id of the campaign's hidden group, made when it is first asked for."""
    if campaign.own_group_id is None:
        group = Group(workspace_id=workspace.id, name=f"Campaign {campaign.id}", hidden=True)
        db.session.add(group)
        db.session.flush()
        campaign.own_group_id = group.id
        db.session.flush()
    return campaign.own_group_id


def find(workspace: HasId, campaign: Campaign, search: str, *, limit: int = 8) -> list[Recipient]:
    """Some of the audience whose address begins with `search`, to look over their shoulders."""
    parts = audience_parts.of(workspace, campaign)
    mailed = owned_by(workspace, Recipient).where(
        Recipient.status == RecipientStatus.SUBSCRIBED, *parts.members()
    )
    if search:
        mailed = mailed.where(Recipient.email.like(like.starting_with(search.strip().lower())))
    return list(db.session.scalars(mailed.order_by(Recipient.email).limit(limit)))


def copy_to(workspace: HasId, campaign: Campaign, copy: Campaign) -> None:
    """Give `copy` the same audience."""
    audience_choice.save(workspace, copy, audience_choice.of(workspace, campaign))
    if campaign.own_group_id:
        people = of_groups(workspace, [campaign.own_group_id]).subquery()
        group = own_group(workspace, copy)
        group_filling.copy_waiting(workspace, campaign.own_group_id, to=group)
        patience.without_end()  # a million take longer than a page may
        _join(select(literal(workspace.id), literal(group), people.c.recipient_id))


def _join(rows: Select[int, int, int]) -> None:
    columns = ["workspace_id", "group_id", "recipient_id"]
    db.session.execute(insert(GroupMember).from_select(columns, rows).on_conflict_do_nothing())


def _counted(ids: Select[int]) -> ColumnElement[int]:
    return select(func.count()).select_from(ids.subquery()).scalar_subquery()


def _in_segments(chosen: People) -> ColumnElement[int]:
    """How many people each segment has, in sum; those of groups are counted all the time."""
    each = [_counted(people_of(chosen.workspace, one)) for one in chosen.segments]
    return sum(each, start=literal(0))


def _different(chosen: People) -> ColumnElement[int]:
    """How many people are chosen; not asked where nobody can be chosen twice."""
    return _counted(chosen.places().distinct()) if chosen.parts > 1 else literal(0)


def _found(parts: Parts, *which: ColumnElement[bool]) -> ColumnElement[int]:
    """How many of those chosen and not excluded fulfil a condition that few fulfil."""
    return _counted(_among(parts).where(*which))


def _among(parts: Parts) -> Select[int]:
    return select(Recipient.id).where(Recipient.workspace_id == parts.workspace.id, parts.member())


def _excluded(parts: Parts) -> ColumnElement[int]:
    if not parts.excluded:
        return literal(0)
    return _counted(
        select(Recipient.id).where(
            Recipient.workspace_id == parts.workspace.id,
            parts.chosen.among(),
            parts.excluded.among(),
        )
    )


def _suppressed(parts: Parts) -> ColumnElement[int]:
    subscribed = Recipient.status == RecipientStatus.SUBSCRIBED
    found = _found(parts, Recipient.status == RecipientStatus.BOUNCED)
    listed = audience_parts.listed(parts.workspace)
    found += _found(parts, subscribed, listed) if parts.is_small else _listed(parts, subscribed)
    if parts.has_erased:
        found += _found(parts, subscribed, audience_parts.erased(parts.workspace))
    return found


def _listed(parts: Parts, which: ColumnElement[bool]) -> ColumnElement[int]:
    """From the list to the people: a join would read all recipients for it."""
    among = _among(parts).where(which, Recipient.email == Suppression.email)
    found = among.offset(0).correlate(Suppression).lateral()
    listed = select(found.c.id).select_from(Suppression).join(found, true())
    return _counted(listed.where(Suppression.workspace_id == parts.workspace.id))


def _spellings(parts: Parts) -> ColumnElement[int]:
    return _counted(parts.later_spellings()) if parts.one_per_mailbox else literal(0)
