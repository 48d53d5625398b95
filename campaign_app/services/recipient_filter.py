"""Who is meant by "everybody that matches": a search, a status, a group, or all three.

Searches are by prefix, of the address or of the name, so that an index answers them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, Select, UnaryExpression, and_, func, or_, select, union
from sqlalchemy.sql.operators import custom_op

from campaign_app.extensions import db, redis
from campaign_app.lib.like import starting_with
from campaign_app.lib.tenancy import HasId
from campaign_app.models.recipients import GroupMember, Recipient, RecipientStatus

EXACT_UP_TO = 10_000
"""Rows counted for every view; a longer list's count is kept for COUNT_SECONDS in Redis."""
COUNT_SECONDS = 30
SEARCH_UP_TO = 1_000
"""What a search shows of the addresses that begin with it, and of the names."""

FOLDED_NAME = func.lower(Recipient.name)
IN_NAME_ORDER: UnaryExpression[str] = UnaryExpression(FOLDED_NAME, modifier=custom_op("USING ~<~"))
"""The order of ix_recipients_name, whose text_pattern_ops a plain ORDER BY does not fit."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The empty filter means the whole list."""

    search: str = ""
    status: RecipientStatus | None = None
    group_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as plain values, to travel in a task."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Filter:
        """Rebuild what `as_json` gave."""
        status = values["status"]
        return cls(values["search"], status and RecipientStatus(status), values["group_id"])


EVERYBODY = Filter()


@dataclass(frozen=True, slots=True)
class Count:
    """How many match; not `exact` means "more than this"."""

    number: int
    exact: bool = True


def matching(workspace: HasId, chosen: Filter) -> Select[int]:
    """The ids of all who match, ready for an order and a limit."""
    query = _listed(workspace, chosen)
    return query.where(or_(*_begins(chosen.search))) if chosen.search else query


def found(workspace: HasId, chosen: Filter) -> Sequence[int]:
    """The ids that a search shows, newest first: at most twice SEARCH_UP_TO and two.

    Each half of a search reads one index in its order: an OR would read the whole table.
    """
    by_address, by_name = _begins(chosen.search)
    halves = [
        _listed(workspace, chosen).where(by_address).order_by(Recipient.email),
        _listed(workspace, chosen).where(by_name).order_by(IN_NAME_ORDER),
    ]
    both = union(*(select(half.limit(SEARCH_UP_TO + 1).subquery()) for half in halves)).subquery()
    return db.session.scalars(select(both.c.id).order_by(both.c.id.desc())).all()


def count(workspace: HasId, chosen: Filter) -> Count:
    """How many match: exact up to EXACT_UP_TO, and beyond for the whole list, a status, a group.

    A long list is counted at most once in COUNT_SECONDS.
    """
    few = _listed(workspace, chosen).limit(EXACT_UP_TO + 1).subquery()
    number = db.session.scalar(select(func.count()).select_from(few)) or 0
    if number <= EXACT_UP_TO:
        return Count(number)
    if chosen.status and chosen.group_id:  # a join of two long lists takes a second
        return Count(EXACT_UP_TO, exact=False)
    return Count(_long_count(workspace, chosen))


def forget_counts(workspace: HasId) -> None:
    """Count afresh at the next view: the list has just been changed by hand."""
    try:
        redis.client.incr(_generation_key(workspace))
    except RedisError:
        return  # the counts are then at most COUNT_SECONDS old


def _listed(workspace: HasId, chosen: Filter) -> Select[int]:
    query = select(Recipient.id).where(Recipient.workspace_id == workspace.id)
    if chosen.status:
        query = query.where(Recipient.status == chosen.status)
    if chosen.group_id:
        query = query.join(GroupMember, _in_group(workspace, chosen.group_id))
    return query


def _in_group(workspace: HasId, group_id: int) -> ColumnElement[bool]:
    return and_(
        GroupMember.workspace_id == workspace.id,
        GroupMember.group_id == group_id,
        GroupMember.recipient_id == Recipient.id,
    )


def _begins(search: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The address begins with it; the name does."""
    pattern = starting_with(search)
    return Recipient.email.like(pattern.lower()), FOLDED_NAME.like(func.lower(pattern))


def _long_count(workspace: HasId, chosen: Filter) -> int:
    try:
        key = _count_key(workspace, chosen)
        known = redis.client.get(key)
        if known is not None:
            return int(known)
        number = _counted(workspace, chosen)
        redis.client.set(key, number, ex=COUNT_SECONDS)
    except RedisError:
        return _counted(workspace, chosen)
    return number


def _counted(workspace: HasId, chosen: Filter) -> int:
    query = select(func.count(Recipient.id)).where(Recipient.workspace_id == workspace.id)
    if chosen.status:
        query = query.where(Recipient.status == chosen.status)
    if chosen.group_id:
        query = select(func.count()).where(
            GroupMember.workspace_id == workspace.id, GroupMember.group_id == chosen.group_id
        )
    return db.session.scalar(query) or 0


def _count_key(workspace: HasId, chosen: Filter) -> str:
    generation = redis.client.get(_generation_key(workspace))
    digest = blake2b(json.dumps(chosen.as_json()).encode(), digest_size=12).hexdigest()
    return f"recipients:count:{workspace.id}:{generation!r}:{digest}"


def _generation_key(workspace: HasId) -> str:
    return f"recipients:generation:{workspace.id}"
