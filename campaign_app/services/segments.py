"""Segments: saved filters of recipients, worked out anew whenever they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select

from campaign_app.extensions import db
from campaign_app.lib import clock, patience
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.campaigns import EDITABLE, LIVE, Campaign
from campaign_app.models.people import User
from campaign_app.models.recipients import Recipient
from campaign_app.models.segments import CampaignSegment, Segment
from campaign_app.services import audit, segment_rules, segment_shapes, segment_words
from campaign_app.services.audience_choice import Choice
from campaign_app.services.segment_shapes import Rules
from campaign_app.services.uniqueness import claimed

MAX_NAME = 100
COUNT_SECONDS = 5
"""How long a person waits for a count; a page says so when it is not enough."""


def every(workspace: HasId) -> Sequence[Segment]:
    """All of them, by name."""
    return db.session.scalars(owned_by(workspace, Segment).order_by(func.lower(Segment.name))).all()


def get(workspace: HasId, segment_id: int) -> Segment:
    """The workspace's own segment. Raises NotFound."""
    return get_owned(workspace, Segment, segment_id)


def condition(workspace: HasId, segment: Segment) -> ColumnElement[bool]:
    """Who belongs to it now, as a condition on the Recipient of a query."""
    return segment_rules.compiled(workspace, segment_shapes.stored(segment.rules))


def count(workspace: HasId, rules: Rules, *, seconds: float = COUNT_SECONDS) -> int | None:
    """How many people fulfil the rules now; None when counting takes longer than that."""
    meant = segment_rules.compiled(workspace, rules)
    query = select(func.count()).where(Recipient.workspace_id == workspace.id, meant)
    return patience.within(seconds, lambda: db.session.scalar(query) or 0)


def broken(workspace: HasId, choice: Choice) -> list[str]:
    """The names of chosen or excluded segments whose rules name what is no longer there."""
    if not choice.names_segments:
        return []
    ids = {*choice.segment_ids, *choice.exclude_segment_ids}
    named = [one for one in every(workspace) if one.id in ids]
    stored = {one.name: segment_shapes.stored(one.rules) for one in named}
    return [name for name, rules in stored.items() if segment_words.missing(workspace, rules)]


def sentences(workspace: HasId, found: Sequence[Segment]) -> Mapping[int, str]:
    """What each asks, in words, by its id."""
    rules = {one.id: segment_shapes.stored(one.rules) for one in found}
    return segment_words.sentences(workspace, rules)


def create(workspace: HasId, *, name: str, rules: Mapping[str, Any], user: User) -> Segment:
    """A new segment. Raises Invalid or InvalidEntries, naming the field."""
    checked = _rules(workspace, rules)
    segment = Segment(workspace_id=workspace.id, rules=checked.model_dump())
    _save(segment, _name(name))
    _record(workspace, segment, "created", user)
    return segment


def edit(
    workspace: HasId, segment: Segment, *, name: str, rules: Mapping[str, Any], user: User
) -> None:
    """Rewrite it; campaigns that have started keep whom they planned. Raises as `create`."""
    checked = _rules(workspace, rules)
    segment.rules = checked.model_dump()
    segment.updated_at = clock.now()
    _save(segment, _name(name))
    _record(workspace, segment, "edited", user)


def copy(workspace: HasId, segment: Segment, *, user: User) -> Segment:
    """Another one with the same rules, under a name that is free."""
    taken = {one.name.lower() for one in every(workspace)}
    stem = f"{segment.name[: MAX_NAME - 12]} (copy"
    names = (f"{stem}{f' {n}' if n > 1 else ''})" for n in range(1, len(taken) + 2))
    name = next(name for name in names if name.lower() not in taken)
    return create(workspace, name=name, rules=segment.rules, user=user)


def delete_one(workspace: HasId, segment: Segment, *, user: User) -> None:
    """Forget it. Raises Conflict, with their names, while campaigns are still to use it."""
    # The lock first: a campaign that is choosing it at this moment is seen, or finds it gone.
    db.session.refresh(segment, with_for_update=True)
    users = waiting_campaigns(workspace, segment)
    if users:
        shown = ", ".join(f"“{name}”" for name in users[:3])
        more = f" and {len(users) - 3:,} more" if len(users) > 3 else ""
        raise Conflict(
            f"“{segment.name}” cannot be deleted: it is part of {shown}{more}. Take it out there"
            " first."
        )
    _record(workspace, segment, "deleted", user)
    db.session.execute(
        delete(Segment).where(Segment.workspace_id == workspace.id, Segment.id == segment.id)
    )


def waiting_campaigns(workspace: HasId, segment: Segment) -> Sequence[str]:
    """Names of the campaigns whose audience is still to be worked out with it."""
    unplanned = and_(Campaign.status.in_(LIVE), Campaign.planned_at.is_(None))
    uses = exists().where(
        CampaignSegment.workspace_id == workspace.id,
        CampaignSegment.campaign_id == Campaign.id,
        CampaignSegment.segment_id == segment.id,
    )
    return db.session.scalars(
        select(Campaign.name)
        .where(Campaign.workspace_id == workspace.id, uses)
        .where(or_(Campaign.status.in_(EDITABLE), unplanned))
        .order_by(Campaign.name)
    ).all()


def _rules(workspace: HasId, values: Mapping[str, Any]) -> Rules:
    rules = segment_shapes.checked(values)
    if segment_words.missing(workspace, rules):
        message = "A rule names a group or a campaign that does not exist. Choose again."
        raise Invalid(message, field="rules")
    return rules


def _name(name: str) -> str:
    plain = " ".join(name.split())
    if not 0 < len(plain) <= MAX_NAME:
        raise Invalid(f"Give it a name of up to {MAX_NAME} characters.", field="name")
    return plain


def _save(segment: Segment, name: str) -> None:
    with claimed(f"There is a segment called “{name}” already."):
        segment.name = name
        db.session.add(segment)


def _record(workspace: HasId, segment: Segment, verb: str, user: User) -> None:
    summary = f"{user.name} {verb} the segment “{segment.name}”"
    audit.record(workspace, f"segment.{verb}", summary, user=user, subject_id=segment.id)
