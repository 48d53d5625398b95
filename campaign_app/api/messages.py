"""A campaign's messages: one for each recipient, and what became of it."""

from __future__ import annotations

from enum import StrEnum

from flask import g
from pydantic import Field

from campaign_app.api.routes import Routes, after_commit
from campaign_app.api.shapes import MOST, Body, Id, Listing, Moment, Out, Query, address_after
from campaign_app.models.campaigns import Campaign
from campaign_app.models.messages import MessageStatus
from campaign_app.services import campaign_messages, campaigns, unconfirmed
from campaign_app.services.delivery_lines import SENDING, Line
from campaign_app.services.unconfirmed import Action
from campaign_app.tasks import dispatch

routes = Routes("campaigns", load=campaigns.get)


PLACE = r"^([0-9]{1,18}\.[0-9]{1,18})?$"


class MessageState(StrEnum):
    """A message's status, the derived `sending` among them."""

    PENDING = MessageStatus.PENDING.value
    SENDING = SENDING
    SENT = MessageStatus.SENT.value
    DEFERRED = MessageStatus.DEFERRED.value
    FAILED = MessageStatus.FAILED.value
    UNCONFIRMED = MessageStatus.UNCONFIRMED.value
    SKIPPED = MessageStatus.SKIPPED.value
    CANCELLED = MessageStatus.CANCELLED.value


class MessageFilter(Query):
    """Which messages to list."""

    status: MessageState | None = None
    limit: int = Field(100, ge=1, le=MOST, description="How many to give.")
    after: str = Field("", pattern=PLACE, description="The place that `next` names.")


class MessageOut(Out):
    """One recipient's e-mail."""

    id: int
    address: str
    status: MessageState = Field(examples=["sent"])
    attempts: int
    next_attempt_at: Moment | None
    sent_at: Moment | None
    opened_at: Moment | None
    clicked_at: Moment | None
    last_reply: str = Field(description="The server's last words, if it refused or deferred it.")

    @classmethod
    def of(cls, line: Line) -> MessageOut:
        """The message as it is now."""
        return cls(
            id=line.message_id,
            address=line.address,
            status=MessageState(line.status),
            attempts=line.attempts,
            next_attempt_at=line.next_attempt_at,
            sent_at=line.sent_at,
            opened_at=line.opened_at,
            clicked_at=line.clicked_at,
            last_reply=line.words,
        )


class Decision(StrEnum):
    """What is decided about unconfirmed messages."""

    MARK_SENT = "mark_sent"
    SEND_AGAIN = "send_again"


class Resolution(Body):
    """What to do with unconfirmed messages."""

    action: Decision = Field(description="`send_again` may bring somebody a second copy.")
    message_ids: list[Id] = Field([], min_length=1, description="All of the campaign, if left out.")


class Resolved(Out):
    """What was done."""

    resolved: int = Field(description="How many messages it was done to.")


ACTIONS = {Decision.MARK_SENT: Action.MARK_AS_SENT, Decision.SEND_AGAIN: Action.SEND_AGAIN}


@routes.get("/<int:campaign_id>/messages")
def messages(campaign: Campaign, query: MessageFilter) -> Listing[MessageOut]:
    """List its messages.

    In an order that loses nobody who is read page by page while the campaign is being sent; a
    message that is tried again meanwhile may come twice.
    """
    lines, following = campaign_messages.page(
        g.workspace,
        campaign,
        status=query.status or "",
        after=query.after,
        size=query.limit,
    )
    items = [MessageOut.of(line) for line in lines]
    return Listing(items=items, next=address_after(following) if following else None)


@routes.post("/<int:campaign_id>/unconfirmed", conflicts=True)
def resolve(campaign: Campaign, body: Resolution) -> Resolved:
    """Decide about messages that left and were not answered: sent, or to be sent again."""
    number = unconfirmed.resolve(
        g.workspace,
        campaign,
        action=ACTIONS[body.action],
        message_ids=body.message_ids or None,
        user=g.user,
    )
    after_commit(dispatch.ring)
    return Resolved(resolved=number)
