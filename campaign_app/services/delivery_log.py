"""A campaign's delivery log: every recipient with its state and the server's last words.

No index names a message's status (updates must stay HOT), so the log walks along the batches, whose
counts say where a status is to be found, and looks into a batch at a time: a page of the rarest
status costs the same among a million as among a hundred. The newest come first: what is on its way
now, then the batches as they ended, then those that wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Subquery,
    and_,
    case,
    cast,
    func,
    select,
    tuple_,
)

from campaign_app.extensions import db
from campaign_app.lib.errors import NotFound
from campaign_app.lib.like import starting_with
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign
from campaign_app.models.messages import Batch, BatchState, Message, MessageStatus
from campaign_app.models.recipients import Recipient
from campaign_app.services import delivery_lines
from campaign_app.services.delivery_lines import Line

PAGE_SIZE = 25
SEARCHED = 5_000
"""Recipients that one page of a search looks at; "search on" looks at the next."""
ON_ITS_WAY = 9_000_000_000_000_000
"""The rank of a batch in somebody's hands: above every moment in microseconds."""


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some lines, and the places next to them as the page's address carries them."""

    lines: list[Line]
    next: str = ""
    previous: str = ""
    searched_on: bool = False
    """More recipients match the search than were looked at: `next` goes on."""


@dataclass(frozen=True, slots=True)
class Place:
    """A message's place in the log: its batch's rank and id, then its own id."""

    rank: int
    batch_id: int
    message_id: int

    def __str__(self) -> str:
        return f"{self.rank}.{self.batch_id}.{self.message_id}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises NotFound for what no page's address has said."""
        parts = text.split(".")
        if len(parts) != 3 or not all(part.isdecimal() and len(part) < 19 for part in parts):
            raise NotFound
        return cls(*(int(part) for part in parts))


_RANK = case(
    (Batch.state == BatchState.SENDING, ON_ITS_WAY),
    (
        Batch.finished_at.is_not(None),
        cast(func.extract("epoch", Batch.finished_at) * 1_000_000, BigInteger),
    ),
    else_=0,
)
_ENDED = Batch.sent + Batch.failed + Batch.unconfirmed + Batch.skipped + Batch.cancelled


def page(
    workspace: HasId,
    campaign: Campaign,
    *,
    status: str = "",
    after: str = "",
    before: str = "",
    size: int = PAGE_SIZE,
) -> LogPage:
    """Some lines of the log: the newest, those after a place, or those before one."""
    place = Place.parse(after or before) if after or before else None
    line = _walk(workspace, campaign, status, place, newer=bool(before)).limit(size + 2)
    query = _query(workspace, line.subquery(), status, place, newer=bool(before))
    rows: list[Row[Any]] = list(db.session.execute(query.limit(size + 1)))
    more = len(rows) > size
    rows = rows[:size]
    if before:
        rows.reverse()
    if not rows:
        return LogPage([])
    at_start = not place or (before and not more)
    return LogPage(
        delivery_lines.of(workspace, rows),
        next=str(_place(rows[-1])) if more or before else "",
        previous="" if at_start else str(_place(rows[0])),
    )


def search(
    workspace: HasId,
    campaign: Campaign,
    prefix: str,
    *,
    status: str = "",
    after: str = "",
    most: int = SEARCHED,
) -> LogPage:
    """The lines of those whose address begins with `prefix`, by address, `after` one of them.

    At most `most` of the workspace's recipients are looked at.
    """
    found = _addresses(workspace, prefix.strip().lower(), after, most)
    query = _those(workspace, campaign, found, status)
    rows: list[Row[Any]] = list(db.session.execute(query.limit(PAGE_SIZE + 1)))
    if len(rows) > PAGE_SIZE:
        return LogPage(
            delivery_lines.of(workspace, rows[:PAGE_SIZE]), next=rows[PAGE_SIZE - 1].email
        )
    looked_at, last = db.session.execute(select(func.count(), func.max(found.c.email))).one()
    on = looked_at == most
    return LogPage(delivery_lines.of(workspace, rows), next=last if on else "", searched_on=on)


def _query(
    workspace: HasId, line: Subquery, status: str, place: Place | None, *, newer: bool
) -> Select[Any]:
    """The messages of the batches in `line`, in the log's order."""
    # Inside a batch the lowest id comes first: it is the next to be sent.
    key = (line.c.rank, line.c.id, -Message.id)
    query = (
        select(*delivery_lines.COLUMNS, line.c.opened_through, line.c.rank, Message.batch_id)
        .join(line, line.c.id == Message.batch_id)
        .where(
            Message.workspace_id == workspace.id,
            *delivery_lines.having(status, line.c.opened_through),
        )
        .order_by(*(column.asc() if newer else column.desc() for column in key))
    )
    if place is None:
        return query
    here = (place.rank, place.batch_id, -place.message_id)
    return query.where(tuple_(*key) > here if newer else tuple_(*key) < here)


def _walk(
    workspace: HasId, campaign: Campaign, status: str, place: Place | None, *, newer: bool
) -> Select[Any]:
    """The batches to look into: each holds a line at least, so as many as lines fill a page."""
    key = (_RANK, Batch.id)
    query = (
        select(Batch.id, Batch.opened_through, _RANK.label("rank"))
        .where(
            Batch.workspace_id == workspace.id,
            Batch.campaign_id == campaign.id,
            holds(status),
        )
        .order_by(*(column.asc() if newer else column.desc() for column in key))
    )
    if place:
        here = (place.rank, place.batch_id)
        query = query.where(tuple_(*key) >= here if newer else tuple_(*key) <= here)
    return query


def holds(status: str) -> ColumnElement[bool]:
    """The batches with a message in this status, the derived `sending` among them; all for ""."""
    if status == delivery_lines.SENDING:
        return Batch.opened > 0
    if status == MessageStatus.PENDING:
        return Batch.size > _ENDED + Batch.deferred + Batch.opened
    if status:
        held: ColumnElement[int] = getattr(Batch, status)
        return held > 0
    return Batch.size > 0


def _those(workspace: HasId, campaign: Campaign, found: Subquery, status: str) -> Select[Any]:
    """The messages of the recipients in `found`, by address."""
    own_batch = and_(Batch.id == Message.batch_id, Batch.workspace_id == workspace.id)
    return (
        select(found.c.email, Batch.opened_through, *delivery_lines.COLUMNS)
        .join(found, found.c.id == Message.recipient_id)
        .join(Batch, own_batch)
        .where(
            Message.workspace_id == workspace.id,
            Message.campaign_id == campaign.id,
            *delivery_lines.having(status, Batch.opened_through),
        )
        .order_by(found.c.email)
    )


def _addresses(workspace: HasId, prefix: str, after: str, most: int) -> Subquery:
    query = (
        select(Recipient.id, Recipient.email)
        .where(Recipient.workspace_id == workspace.id, Recipient.email.like(starting_with(prefix)))
        .order_by(Recipient.email)
        .limit(most)
    )
    return (query.where(Recipient.email > after) if after else query).subquery()


def _place(row: Row[Any]) -> Place:
    return Place(row.rank, row.batch_id, row.id)
