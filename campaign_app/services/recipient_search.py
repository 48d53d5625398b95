"""Whom a search shows: the newest of those whose address, name or words match.

Each kind reads an index of its own: an OR would read the whole table. What is asked of the index of
words depends on how many have them. Where many do, the newest are found soon by looking at the
newest recipients one by one; where few do, the index names them all. Which of both it is, a look at
some thousand tells: the planner takes words that exclude each other for independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import FromClause, Select, and_, func, select, union

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId
from campaign_app.models.recipient_words import RecipientWords
from campaign_app.models.recipients import GroupMember, Recipient
from campaign_app.services import recipient_filter, recipient_index, tallies
from campaign_app.services.recipient_filter import IN_NAME_ORDER, Filter

UP_TO = 1_000
"""What a search shows of those whose address, name or words match, each."""
LOOKS, LOOKS_IN_GROUP = (3_000, 60_000), (10_000, 60_000)
"""How many of the newest are looked at; the second time only where one in ONE_IN has the words."""
ONE_IN = 50
SPARE = 100
"""Words of people who are gone that may stand among the newest, until the indexer removes them."""


@dataclass(frozen=True, slots=True)
class _Look:
    """Ids and words of the newest, newest first; how many people these are, and whether all."""

    rows: FromClause
    number: int
    whole: bool


def found(workspace: HasId, chosen: Filter) -> Sequence[int]:
    """The ids that a search shows, newest first: UP_TO and one of each kind at most."""
    by_address, by_name, *by_words = recipient_filter.halves(workspace, chosen)
    kinds = [
        kind.order_by(order).limit(UP_TO + 1).subquery()
        for kind, order in ((by_address, Recipient.email), (by_name, IN_NAME_ORDER))
    ]
    ids = set(db.session.scalars(union(*(select(kind.c.id) for kind in kinds))))
    for half in by_words:
        ids.update(_newest(workspace, chosen, half))
    return sorted(ids, reverse=True)


def _newest(workspace: HasId, chosen: Filter, by_words: Select[int]) -> Sequence[int]:
    look_at, reaches = (_members, LOOKS_IN_GROUP) if chosen.group_id else (_recipients, LOOKS)
    for reach in reaches:
        look = look_at(workspace, chosen, reach)
        ids = _seen(workspace, chosen, look)
        if len(ids) > UP_TO or look.whole:
            return ids
        if len(ids) * ONE_IN < look.number:
            break
    if chosen == Filter(search=chosen.search):
        alone = _by_words_alone(workspace, chosen.search)
        if alone is not None:
            return alone
    # The sum keeps the planner from walking through everybody in the order of their ids.
    return db.session.scalars(by_words.order_by((Recipient.id + 0).desc()).limit(UP_TO + 1)).all()


def _seen(workspace: HasId, chosen: Filter, look: _Look) -> Sequence[int]:
    """Those within the look who match."""
    asked = recipient_index.query(workspace, chosen.search)
    others = recipient_filter.listed(workspace, replace(chosen, group_id=None))
    return db.session.scalars(
        others.join(look.rows, look.rows.c.id == Recipient.id)
        .where(look.rows.c.words.op("@@")(asked))
        .order_by(look.rows.c.id.desc())
        .limit(UP_TO + 1)
    ).all()


def _recipients(workspace: HasId, _: Filter, reach: int) -> _Look:
    ends = select(func.min(Recipient.id), func.max(Recipient.id))
    first, last = db.session.execute(ends.where(Recipient.workspace_id == workspace.id)).one()
    floor = (last or 0) - reach
    newest = (Recipient.workspace_id == workspace.id, Recipient.id > floor)
    number = db.session.scalar(select(func.count()).where(*newest)) or 0
    rows = (
        select(RecipientWords.recipient_id.label("id"), RecipientWords.words)
        .where(RecipientWords.workspace_id == workspace.id, RecipientWords.recipient_id > floor)
        .order_by(RecipientWords.recipient_id.desc())
    )
    return _Look(_fenced(rows), number, whole=first is None or first > floor)


def _members(workspace: HasId, chosen: Filter, reach: int) -> _Look:
    size = tallies.of_group(workspace, chosen.group_id or 0)
    newest = (
        select(GroupMember.recipient_id.label("id"))
        .where(GroupMember.workspace_id == workspace.id, GroupMember.group_id == chosen.group_id)
        .order_by(GroupMember.recipient_id.desc())
        .limit(reach)
        .subquery()
    )
    whose = and_(
        RecipientWords.workspace_id == workspace.id, RecipientWords.recipient_id == newest.c.id
    )
    rows = select(newest.c.id, RecipientWords.words).join(RecipientWords, whose)
    fenced = _fenced(rows.order_by(newest.c.id.desc()))
    return _Look(fenced, min(size, reach), whole=size <= reach)


def _fenced(rows: Select[int, str]) -> FromClause:
    """The rows as they are: the planner may not ask the index of words for them instead."""
    return rows.offset(0).subquery()


def _by_words_alone(workspace: HasId, search: str) -> Sequence[int] | None:
    """The newest who have the words, where nothing else is asked of them.

    Only they are looked up in the list. None when so many of them are gone that others may follow.
    """
    asked = recipient_index.query(workspace, search)
    newest = (
        select(RecipientWords.recipient_id.label("id"))
        .where(RecipientWords.workspace_id == workspace.id, RecipientWords.words.op("@@")(asked))
        .order_by((RecipientWords.recipient_id + 0).desc())
        .limit(UP_TO + 1 + SPARE)
        .subquery()
    )
    whose = and_(Recipient.workspace_id == workspace.id, Recipient.id == newest.c.id)
    rows = db.session.scalars(
        select(Recipient.id).select_from(newest).outerjoin(Recipient, whose)
    ).all()
    ids = sorted((row_id for row_id in rows if row_id is not None), reverse=True)
    is_all = len(ids) > UP_TO or len(rows) < UP_TO + 1 + SPARE
    return ids[: UP_TO + 1] if is_all else None
