"""The conditions that an audience is made of, over the Recipient of a query.

Each comes in the form that PostgreSQL answers from an index, or by hashing both sides once: an OR
of subqueries over a million people would look into each of them a million times.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    exists,
    false,
    func,
    or_,
    select,
    true,
    union_all,
)

from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign
from campaign_app.models.recipients import GroupMember, Recipient, RecipientStatus, Suppression
from campaign_app.services import audience_choice, segments, suppressions, tallies
from campaign_app.services.audience_choice import Choice

Condition = ColumnElement[bool]

SMALL = 100_000
"""Places in groups; all exceptions of a list of two millions take about as long to look at."""

SAMPLED = 101
"""Of so many people one is enough to tell where the middle is."""


@dataclass(frozen=True, slots=True)
class People:
    """The union of groups and of what segments ask."""

    workspace: HasId
    groups: Sequence[int]
    segments: Sequence[Condition]

    def __bool__(self) -> bool:
        return bool(self.groups or self.segments)

    @property
    def parts(self) -> int:
        """In how many of them the same person can be."""
        return len(self.groups) + len(self.segments)

    def places(self) -> Select[int]:
        """The recipients' ids, once for each group and segment that somebody is in."""
        each = [people_of(self.workspace, one) for one in self.segments]
        if self.groups:
            each.append(of_groups(self.workspace, self.groups))
        both = union_all(*each).subquery() if len(each) > 1 else each[0].subquery()
        return select(both.c[0].label("id"))

    def among(self) -> Condition:
        """For a query of many people."""
        if not self.segments:
            return _in_groups(self.workspace, self.groups) if self.groups else false()
        if not self.groups:
            return or_(*self.segments)
        return Recipient.id.in_(self.places())

    def one_of(self) -> Condition:
        """For a query that has found few people by other conditions."""
        if not self:
            return false()
        among = [_is_in_one(self.workspace, self.groups)] if self.groups else []
        return or_(*among, *self.segments)


@dataclass(frozen=True, slots=True)
class Parts:
    """Who is chosen and who is excluded, as of now."""

    workspace: HasId
    chosen: People
    excluded: People
    one_per_mailbox: bool
    has_erased: bool
    sizes: Mapping[int, int]
    """How many members each chosen group has."""
    small: int = SMALL

    @property
    def is_small(self) -> bool:
        """Whether it is quicker to look at everybody chosen than at all exceptions of the list."""
        return not self.chosen.segments and sum(self.sizes.values()) <= self.small

    def mailable(self) -> list[Condition]:
        """Subscribed and not suppressed."""
        found = [Recipient.status == RecipientStatus.SUBSCRIBED, ~listed(self.workspace)]
        return [*found, ~erased(self.workspace)] if self.has_erased else found

    def members(self) -> list[Condition]:
        """Chosen and not excluded, of many people: each condition is one that a join answers."""
        kept: list[Condition] = [~one for one in self.excluded.segments]
        if self.excluded.groups:
            kept.append(~_in_groups(self.workspace, self.excluded.groups))
        return [self.chosen.among(), *kept]

    def member(self) -> Condition:
        """The same of few people, unless few are chosen anyway."""
        if self.is_small:
            return and_(*self.members())
        return and_(self.chosen.one_of(), ~self.excluded.one_of())

    def middle(self) -> Select[int]:
        """About the median of the ids, of a sample of who is chosen, or else of the whole list."""
        if self.chosen.groups:
            places = of_groups(self.workspace, self.chosen.groups).subquery()
        else:
            places = people_of(self.workspace, true()).subquery()
        one = places.c[0]
        return select(func.percentile_disc(0.5).within_group(one)).where(one % SAMPLED == 0)

    def later_spellings(self) -> Select[int]:
        """The ids of those whose mailbox an older recipient of the audience has, too."""
        numbered = self._own_spellings() if self.is_small else self._twins()
        return select(numbered.c.id).where(numbered.c.place > 1)

    def _own_spellings(self) -> Subquery:
        place = func.row_number().over(
            partition_by=func.mailbox_of(Recipient.email), order_by=Recipient.id
        )
        mailed = select(Recipient.id, place.label("place")).where(
            Recipient.workspace_id == self.workspace.id, Recipient.mailbox_key.is_not(None)
        )
        return mailed.where(self.member(), *self.mailable()).correlate(None).subquery()

    def _twins(self) -> Subquery:
        twins = (
            select(Recipient.mailbox_key)
            .where(Recipient.workspace_id == self.workspace.id, Recipient.mailbox_key.is_not(None))
            .group_by(Recipient.mailbox_key)
            .having(func.count() > 1)
            .correlate(None)
            .subquery()
        )
        # A LATERAL that cannot be dissolved: twins are few, and only their rows are looked at.
        mailed = (
            select(Recipient.id, func.mailbox_of(Recipient.email).label("mailbox"))
            .where(Recipient.workspace_id == self.workspace.id)
            .where(Recipient.mailbox_key == twins.c.mailbox_key)
            .where(self.member(), *self.mailable())
            .offset(0)
            .correlate(twins)
            .lateral()
        )
        place = func.row_number().over(partition_by=mailed.c.mailbox, order_by=mailed.c.id)
        ordered = select(mailed.c.id, place.label("place")).select_from(twins).join(mailed, true())
        return ordered.subquery()

    def first_spelling(self) -> Condition:
        """Nobody older in the audience has the same mailbox."""
        if not self.one_per_mailbox:
            return true()
        later = self.later_spellings().subquery()
        return ~exists().where(later.c.id == Recipient.id).correlate(Recipient)


def of(workspace: HasId, campaign: Campaign) -> Parts:
    """A campaign's chosen and excluded people; its own group is always chosen."""
    own = [campaign.own_group_id] if campaign.own_group_id else []
    choice = audience_choice.of(workspace, campaign)
    return of_choice(workspace, choice, own, one_per_mailbox=campaign.one_per_mailbox)


def of_choice(
    workspace: HasId, choice: Choice, own: Sequence[int] = (), *, one_per_mailbox: bool
) -> Parts:
    """The people of a choice, which need not be saved, and of a campaign's own group."""
    named = {one.id: one for one in segments.every(workspace)} if choice.names_segments else {}

    def compiled(ids: Collection[int]) -> list[Condition]:
        return [segments.condition(workspace, named[one]) for one in ids if one in named]

    return Parts(
        workspace,
        People(workspace, [*choice.group_ids, *own], compiled(choice.segment_ids)),
        People(workspace, [*choice.exclude_group_ids], compiled(choice.exclude_segment_ids)),
        one_per_mailbox=one_per_mailbox,
        has_erased=suppressions.has_erased(workspace),
        sizes=tallies.of_groups(workspace, [*choice.group_ids, *own]),
    )


def of_groups(workspace: HasId, groups: Sequence[int]) -> Select[int]:
    """The ids of those who are in the groups, once for each."""
    return select(GroupMember.recipient_id).where(
        GroupMember.workspace_id == workspace.id, GroupMember.group_id.in_(groups)
    )


def listed(workspace: HasId) -> Condition:
    """On the suppression list, by address."""
    return (
        exists()
        .where(Suppression.workspace_id == workspace.id, Suppression.email == Recipient.email)
        .correlate(Recipient)
    )


def erased(workspace: HasId) -> Condition:
    """On the suppression list by nothing but a hash."""
    return (
        exists()
        .where(
            Suppression.workspace_id == workspace.id,
            Suppression.email.is_(None),
            Suppression.email_hash == suppressions.digest(Recipient.email),
        )
        .correlate(Recipient)
    )


def _in_groups(workspace: HasId, groups: Sequence[int]) -> Condition:
    return (
        exists()
        .where(
            GroupMember.workspace_id == workspace.id,
            GroupMember.group_id.in_(groups),
            GroupMember.recipient_id == Recipient.id,
        )
        .correlate(Recipient)
    )


def _is_in_one(workspace: HasId, groups: Sequence[int]) -> Condition:
    """For few people: found by the person, whatever the number of groups.

    OFFSET keeps it from becoming a join with all members of the groups, and the sum from searching
    the index once for each group.
    """
    found = (
        select(GroupMember.recipient_id)
        .where(
            GroupMember.workspace_id == workspace.id,
            GroupMember.recipient_id == Recipient.id,
            (GroupMember.group_id + 0).in_(groups),
        )
        .offset(0)
        .correlate(Recipient)
    )
    return found.exists()


def people_of(workspace: HasId, condition: Condition) -> Select[int]:
    """The ids of those who fulfil a condition."""
    return (
        select(Recipient.id)
        .where(Recipient.workspace_id == workspace.id, condition)
        .correlate(None)
    )
