"""The lines of a delivery log: a recipient, its state, and the server's last words about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, SQLColumnExpression, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId
from campaign_app.models.messages import DeliveryEvent, Message, MessageStatus
from campaign_app.models.recipients import Recipient

SENDING = "sending"
STATUSES = (SENDING, *(status.value for status in MessageStatus))


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


COLUMNS = (
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
"""What `of` needs of each message, with its batch's `opened_through`."""


def of(workspace: HasId, rows: Sequence[Row[Any]]) -> list[Line]:
    """The lines of these rows of COLUMNS and `opened_through`."""
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


def having(
    status: str, opened_through: SQLColumnExpression[int | None]
) -> list[ColumnElement[bool]]:
    """The conditions of a status, the derived `sending` among them; none for the empty one."""
    pending = Message.status == MessageStatus.PENDING
    if status == SENDING:
        return [pending, Message.id <= opened_through]
    if status == MessageStatus.PENDING:
        return [pending, or_(opened_through.is_(None), Message.id > opened_through)]
    return [Message.status == MessageStatus(status)] if status else []


def shown_status(status: MessageStatus, message_id: int, opened_through: int | None) -> str:
    """A message's status with the derived `sending`: in its batch's open window, no result yet."""
    in_window = opened_through is not None and message_id <= opened_through
    return SENDING if status == MessageStatus.PENDING and in_window else status.value


def last_words(workspace: HasId, message_ids: Sequence[int]) -> dict[int, str]:
    """What a server said last about each of these messages, with its code."""
    rows = db.session.execute(
        select(DeliveryEvent.message_id, DeliveryEvent.code, DeliveryEvent.reply)
        .ext(distinct_on(DeliveryEvent.message_id))
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
