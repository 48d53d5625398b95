"""Who is meant by "everybody that matches": a search, a status, a group, a tag, a segment, or all.

A search finds the beginnings of addresses and names by their indexes, at once, and whole words of
everything that is known of somebody by the index of words, which the background fills.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, Select, UnaryExpression, and_, func, select, union
from sqlalchemy.sql.operators import custom_op

from campaign_app.extensions import db, redis
from campaign_app.lib.like import starting_with
from campaign_app.lib.tenancy import HasId
from campaign_app.models.recipient_words import RecipientWords
from campaign_app.models.recipients import GroupMember, Recipient, RecipientStatus
from campaign_app.services import recipient_index, segments, tags, tallies

EXACT_UP_TO = 10_000
"""Rows counted at once for a combination of filters; more are counted on asking."""
COUNT_SECONDS = 60
"""How long such a long count is kept in Redis; a change by hand ends it at once."""

FOLDED_NAME = func.lower(Recipient.name)
IN_NAME_ORDER: UnaryExpression[str] = UnaryExpression(FOLDED_NAME, modifier=custom_op("USING ~<~"))
"""The order of ix_recipients_name, whose text_pattern_ops a plain ORDER BY does not fit."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The empty filter means the whole list."""

    search: str = ""
    status: RecipientStatus | None = None
    group_id: int | None = None
    tag: str = ""
    segment_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as plain values, to travel in a row or a task."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Filter:
        """Rebuild what `as_json` gave."""
        status = values["status"]
        return cls(**{**values, "status": status and RecipientStatus(status)})


EVERYBODY = Filter()


@dataclass(frozen=True, slots=True)
class Count:
    """How many match; not `exact` means "more than this"."""

    number: int
    exact: bool = True


def matching(workspace: HasId, chosen: Filter) -> Select[int]:
    """The ids of all who match, ready for an order and a limit."""
    query = listed(workspace, chosen)
    if not chosen.search:
        return query
    parts = [half.subquery() for half in halves(workspace, chosen)]
    every = union(*(select(part.c.id) for part in parts)).subquery()
    return query.where(Recipient.id.in_(select(every.c.id)))


def above(query: Select[int], chosen: Filter, row_id: int) -> Select[int]:
    """Those of the `matching` whose id is larger.

    The planner does not see by itself that a group's index can begin there as well, and would read
    a million members to skip them.
    """
    query = query.where(Recipient.id > row_id)
    return query.where(GroupMember.recipient_id > row_id) if chosen.group_id else query


def below(query: Select[int], chosen: Filter, row_id: int) -> Select[int]:
    """Those of the `matching` whose id is smaller; as `above`."""
    query = query.where(Recipient.id < row_id)
    return query.where(GroupMember.recipient_id < row_id) if chosen.group_id else query


def count(workspace: HasId, chosen: Filter) -> Count:
    """How many match, within a page's time: exact, or else more than EXACT_UP_TO.

    Exact at any size for the whole list, a status or a group, and for what has been counted to the
    end a moment ago.
    """
    known = _tallied(workspace, chosen)
    if known is None:
        known = _kept(workspace, chosen)
    if known is not None:
        return Count(known)
    few = matching(workspace, chosen).limit(EXACT_UP_TO + 1).subquery()
    number = db.session.scalar(select(func.count()).select_from(few)) or 0
    return Count(min(number, EXACT_UP_TO), exact=number <= EXACT_UP_TO)


def count_to_the_end(workspace: HasId, chosen: Filter) -> int:
    """How many match, exactly; two long lists take a second, so the answer is kept a while."""
    known = _tallied(workspace, chosen)
    if known is None:
        known = _kept(workspace, chosen)
    if known is not None:
        return known
    every = matching(workspace, chosen).subquery()
    number = db.session.scalar(select(func.count()).select_from(every)) or 0
    try:
        redis.client.set(_count_key(workspace, chosen), number, ex=COUNT_SECONDS)
    except RedisError:
        return number  # it will be counted again
    return number


def forget_counts(workspace: HasId) -> None:
    """Count afresh at the next view: the list has just been changed by hand."""
    try:
        redis.client.incr(_generation_key(workspace))
    except RedisError:
        return  # the counts are then at most COUNT_SECONDS old


def listed(workspace: HasId, chosen: Filter) -> Select[int]:
    """The ids of those who match in everything but the search."""
    query = select(Recipient.id).where(Recipient.workspace_id == workspace.id)
    if chosen.status:
        query = query.where(Recipient.status == chosen.status)
    if chosen.tag:
        query = query.where(tags.having(chosen.tag))
    if chosen.segment_id:
        query = query.where(_in_segment(workspace, chosen.segment_id))
    if chosen.group_id:
        query = query.join(GroupMember, _in_group(workspace, chosen.group_id))
    return query


def _in_group(workspace: HasId, group_id: int) -> ColumnElement[bool]:
    return and_(
        GroupMember.workspace_id == workspace.id,
        GroupMember.group_id == group_id,
        GroupMember.recipient_id == Recipient.id,
    )


def _in_segment(workspace: HasId, segment_id: int) -> ColumnElement[bool]:
    return segments.condition(workspace, segments.get(workspace, segment_id))


def halves(workspace: HasId, chosen: Filter) -> list[Select[int]]:
    """Those whose address begins with the search, whose name does, and who have its words."""
    pattern = starting_with(chosen.search)
    by_prefix = [
        listed(workspace, chosen).where(condition)
        for condition in (
            Recipient.email.like(pattern.lower()),
            FOLDED_NAME.like(func.lower(pattern)),
        )
    ]
    words = recipient_index.holds(workspace, chosen.search)
    if words is None:
        return by_prefix
    whose = and_(
        RecipientWords.workspace_id == workspace.id, RecipientWords.recipient_id == Recipient.id
    )
    return [*by_prefix, listed(workspace, chosen).join(RecipientWords, whose).where(words)]


def _tallied(workspace: HasId, chosen: Filter) -> int | None:
    """The count that is kept for the whole list, one status or one group."""
    if chosen == Filter(status=chosen.status):
        statuses = tallies.by_status(workspace)
        return statuses[chosen.status] if chosen.status else sum(statuses.values())
    if chosen == Filter(tag=chosen.tag):
        return tallies.by_tag(workspace).get(chosen.tag, 0)
    if chosen == Filter(group_id=chosen.group_id):
        return tallies.of_group(workspace, chosen.group_id or 0)
    return None


def _kept(workspace: HasId, chosen: Filter) -> int | None:
    try:
        known = redis.client.get(_count_key(workspace, chosen))
    except RedisError:
        return None
    return None if known is None else int(known)


def _count_key(workspace: HasId, chosen: Filter) -> str:
    generation = redis.client.get(_generation_key(workspace))
    digest = blake2b(json.dumps(chosen.as_json()).encode(), digest_size=12).hexdigest()
    return f"recipients:count:{workspace.id}:{generation!r}:{digest}"


def _generation_key(workspace: HasId) -> str:
    return f"recipients:generation:{workspace.id}"
