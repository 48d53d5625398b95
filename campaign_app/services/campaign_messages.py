"""A campaign's messages in the order of their batches: the list for programs.

A message that is tried again moves to a later batch, never to an earlier one. So whoever reads
page by page while the campaign is being sent may meet a message twice, but misses none, which the
delivery log's order, the newest first, cannot promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Subquery, select, tuple_

from campaign_app.extensions import db
from campaign_app.lib.errors import NotFound
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign
from campaign_app.models.messages import Batch, Message
from campaign_app.services import delivery_lines, delivery_log
from campaign_app.services.delivery_lines import Line


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands in the list."""

    batch_id: int = 0
    message_id: int = 0

    def __str__(self) -> str:
        return f"{self.batch_id}.{self.message_id}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises NotFound for what no page has named."""
        batch, _, message = text.partition(".")
        if not all(
            part.isdecimal() and part.isascii() and len(part) < 19 for part in (batch, message)
        ):
            raise NotFound
        return cls(int(batch), int(message))


def page(
    workspace: HasId, campaign: Campaign, *, status: str = "", after: str = "", size: int
) -> tuple[list[Line], str]:
    """Some of the messages in a status (or in any), and the place after which the others come.

    The place is empty on the last page. Raises NotFound for a place that is none.
    """
    place = Place.parse(after) if after else Place()
    batches = _batches(workspace, campaign, status, place, most=size + 2)
    query = (
        select(*delivery_lines.COLUMNS, batches.c.opened_through, batches.c.id.label("batch_id"))
        .join(batches, batches.c.id == Message.batch_id)
        .where(
            Message.workspace_id == workspace.id,
            tuple_(Message.batch_id, Message.id) > (place.batch_id, place.message_id),
            *delivery_lines.having(status, batches.c.opened_through),
        )
        .order_by(Message.batch_id, Message.id)
        .limit(size + 1)
    )
    rows: list[Row[Any]] = list(db.session.execute(query))
    last = rows[size - 1] if len(rows) > size else None
    following = str(Place(last.batch_id, last.id)) if last else ""
    return delivery_lines.of(workspace, rows[:size]), following


def _batches(
    workspace: HasId, campaign: Campaign, status: str, place: Place, *, most: int
) -> Subquery:
    """Where to look: each batch holds a line at least, so as many as lines fill a page."""
    return (
        select(Batch.id, Batch.opened_through)
        .where(
            Batch.workspace_id == workspace.id,
            Batch.campaign_id == campaign.id,
            Batch.id >= place.batch_id,
            delivery_log.holds(status),
        )
        .order_by(Batch.id)
        .limit(most)
        .subquery()
    )
