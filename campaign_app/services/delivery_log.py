"""A campaign's delivery log: every recipient with its state and the server's last words.

No index names a message's status (updates must stay HOT), so the log walks along the batches, whose
counts say where a status is to be found, and looks into a batch at a time: a page of the
rarest status costs the same among a million as among a hundred. The newest come first: what is on
its way now, then the batches as they ended, then those that wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
    or_,
    select,
    tuple_,
)

from campaign_app.extensions import db
from campaign_app.lib.errors import NotFound
from campaign_app.lib.like import starting_with
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign
from campaign_app.models.messages import Batch, BatchState, DeliveryEvent, Message, MessageStatus
from campaign_app.models.recipients import Recipient

PAGE_SIZE = 25
SEARCHED = 5_000
"""Recipients that one page of a search looks at; "search on" looks at the next."""
SENDING = "sending"
STATUSES = (SENDING, *(status.value for status in MessageStatus))
ON_ITS_WAY = 9_000_000_000_000_000
"""The rank of a batch in somebody's hands: above every moment in microseconds."""


@dataclass(frozen=True, slots=True)
class Line:
    """One recipient of the campaign. `status` may be the derived `sending`."""

    message_id: int
    address: str
    name: str
    status: str
    attempts: int
    sent_at: datetime | None
    next_attempt_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    words: str


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
_SHOWN = (
    Message.id,
    Message.recipient_id,
    Message.address,
    Message.status,
    Message.attempts,
    Message.sent_at,
    Message.next_attempt_at,
    Message.opened_at,
    Message.clicked_at,
)


def page(
    workspace: HasId,
    campaign: Campaign,
    *,
    status: str = "",
    after: str = "",
    before: str = "",
) -> LogPage:
    """Twenty-five lines of the log: the newest, those after a place, or those before one."""
    place = Place.parse(after or before) if after or before else None
    rows = _rows(workspace, campaign, status, place, newer=bool(before))
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    if before:
        rows.reverse()
    if not rows:
        return LogPage([])
    at_start = not place or (before and not more)
    return LogPage(
        _lines(workspace, rows),
        next=str(_place(rows[-1])) if more or before else "",
        previous="" if at_start else str(_place(rows[0])),
    )


def search(
    workspace: HasId, campaign: Campaign, prefix: str, *, status: str = "", after: str = ""
) -> LogPage:
    """The lines of those whose address begins with `prefix`, by address, `after` one of them."""
    found = _addresses(workspace, prefix.strip().lower(), after)
    rows: list[Row[Any]] = list(
        db.session.execute(
            select(*_SHOWN, Batch.opened_through, found.c.email)
            .join(found, found.c.id == Message.recipient_id)
            .join(Batch, and_(Batch.id == Message.batch_id, Batch.workspace_id == workspace.id))
            .where(
                Message.workspace_id == workspace.id,
                Message.campaign_id == campaign.id,
                *_has_status(status, Batch.__table__.c.opened_through),
            )
            .order_by(found.c.email)
            .limit(PAGE_SIZE + 1)
        )
    )
    if len(rows) > PAGE_SIZE:
        return LogPage(_lines(workspace, rows[:PAGE_SIZE]), next=rows[PAGE_SIZE - 1].email)
    looked_at, last = db.session.execute(select(func.count(), func.max(found.c.email))).one()
    on = looked_at == SEARCHED
    return LogPage(_lines(workspace, rows), next=last if on else "", searched_on=on)


def _rows(
    workspace: HasId, campaign: Campaign, status: str, place: Place | None, *, newer: bool
) -> list[Row[Any]]:
    line = _walk(workspace, campaign, status, place, newer=newer).subquery()
    # Inside a batch the lowest id comes first: it is the next to be sent.
    key = (line.c.rank, line.c.id, -Message.id)
    query = (
        select(*_SHOWN, line.c.opened_through, line.c.rank, Message.batch_id)
        .join(line, line.c.id == Message.batch_id)
        .where(Message.workspace_id == workspace.id, *_has_status(status, line.c.opened_through))
        .order_by(*(column.asc() if newer else column.desc() for column in key))
        .limit(PAGE_SIZE + 1)
    )
    if place:
        here = (place.rank, place.batch_id, -place.message_id)
        query = query.where(tuple_(*key) > here if newer else tuple_(*key) < here)
    return list(db.session.execute(query))


def _walk(
    workspace: HasId, campaign: Campaign, status: str, place: Place | None, *, newer: bool
) -> Select[Any]:
    """The batches to look into: each holds at least one line, so these fill a page."""
    key = (_RANK, Batch.id)
    query = (
        select(Batch.id, Batch.opened_through, _RANK.label("rank"))
        .where(
            Batch.workspace_id == workspace.id,
            Batch.campaign_id == campaign.id,
            _holds(status),
        )
        .order_by(*(column.asc() if newer else column.desc() for column in key))
        .limit(PAGE_SIZE + 2)
    )
    if place:
        here = (place.rank, place.batch_id)
        query = query.where(tuple_(*key) >= here if newer else tuple_(*key) <= here)
    return query


def _holds(status: str) -> ColumnElement[bool]:
    if status == SENDING:
        return Batch.opened > 0
    if status == MessageStatus.PENDING:
        return Batch.size > _ENDED + Batch.deferred + Batch.opened
    if status:
        held: ColumnElement[int] = getattr(Batch, status)
        return held > 0
    return Batch.size > 0


def _has_status(
    status: str, opened_through: ColumnElement[int | None]
) -> list[ColumnElement[bool]]:
    pending = Message.status == MessageStatus.PENDING
    if status == SENDING:
        return [pending, Message.id <= opened_through]
    if status == MessageStatus.PENDING:
        return [pending, or_(opened_through.is_(None), Message.id > opened_through)]
    return [Message.status == MessageStatus(status)] if status else []


def _addresses(workspace: HasId, prefix: str, after: str) -> Subquery:
    query = (
        select(Recipient.id, Recipient.email)
        .where(Recipient.workspace_id == workspace.id, Recipient.email.like(starting_with(prefix)))
        .order_by(Recipient.email)
        .limit(SEARCHED)
    )
    return (query.where(Recipient.email > after) if after else query).subquery()


def _place(row: Row[Any]) -> Place:
    return Place(row.rank, row.batch_id, row.id)


def _lines(workspace: HasId, rows: Sequence[Row[Any]]) -> list[Line]:
    words = last_words(workspace, [row.id for row in rows])
    names = _names(workspace, [row.recipient_id for row in rows])
    return [
        Line(
            message_id=row.id,
            address=row.address,
            name=names.get(row.recipient_id, ""),
            status=shown_status(row.status, row.id, row.opened_through),
            attempts=row.attempts,
            sent_at=row.sent_at,
            next_attempt_at=row.next_attempt_at,
            opened_at=row.opened_at,
            clicked_at=row.clicked_at,
            words=words.get(row.id, ""),
        )
        for row in rows
    ]


def shown_status(status: MessageStatus, message_id: int, opened_through: int | None) -> str:
    """A message's status with the derived `sending`: in its batch's open window, no result yet."""
    in_window = opened_through is not None and message_id <= opened_through
    return SENDING if status == MessageStatus.PENDING and in_window else status.value


def last_words(workspace: HasId, message_ids: Sequence[int]) -> dict[int, str]:
    """What a server said last about each of these messages, with its code."""
    rows = db.session.execute(
        select(DeliveryEvent.message_id, DeliveryEvent.code, DeliveryEvent.reply)
        .distinct(DeliveryEvent.message_id)
        .where(
            DeliveryEvent.workspace_id == workspace.id, DeliveryEvent.message_id.in_(message_ids)
        )
        .order_by(DeliveryEvent.message_id, DeliveryEvent.id.desc())
    )
    return {
        row.message_id: " ".join(filter(None, (str(row.code or ""), row.reply))) for row in rows
    }


def _names(workspace: HasId, recipient_ids: Sequence[int]) -> dict[int, str]:
    rows = db.session.execute(
        select(Recipient.id, Recipient.name).where(
            Recipient.workspace_id == workspace.id, Recipient.id.in_(recipient_ids)
        )
    )
    return {row.id: row.name for row in rows}
