"""Campaigns that are under way or over, as the live pages meet them: no mail is sent for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.messages import Batch, BatchState, DeliveryEvent, Message, MessageStatus
from campaign_app.models.people import Workspace
from campaign_app.models.tracking import Engagement
from campaign_app.services import progress
from tests import factories

BATCH = 2
"""Messages in each batch, so that few of them make several batches."""


def mailing(workspace: Workspace, statuses: Sequence[str], **values: Any) -> Campaign:
    """A campaign that started an hour ago; its recipients p0@, p1@… have these message statuses."""
    began = clock.now() - timedelta(hours=1)
    defaults = {
        "status": CampaignStatus.SENDING,
        "sender_id": factories.sender(workspace).id,
        "started_at": began,
        "planned_at": began,
        "total": len(statuses),
    }
    campaign = factories.campaign(workspace, **{**defaults, **values})
    for place in range(0, len(statuses), BATCH):
        _batch(workspace, campaign, place, statuses[place : place + BATCH])
    db.session.commit()
    return campaign


def _batch(workspace: Workspace, campaign: Campaign, place: int, statuses: Sequence[str]) -> None:
    tally = Counter(status for status in statuses if status != "pending")
    over = "pending" not in statuses
    batch = factories.save(
        Batch(
            workspace_id=workspace.id,
            campaign_id=campaign.id,
            sender_id=campaign.sender_id,
            size=len(statuses),
            state=BatchState.DONE if over else BatchState.PENDING,
            finished_at=clock.now() - timedelta(seconds=60 - place) if over else None,
            fence=int(over or bool(tally)),
            **tally,
        )
    )
    for number, status in enumerate(statuses, start=place):
        person = factories.recipient(
            workspace, email=f"p{number}@{campaign.id}.example", name=f"Person {number}"
        )
        _message(batch, person.id, person.email, status)


def _message(batch: Batch, recipient_id: int, address: str, status: str) -> None:
    now = clock.now()
    db.session.add(
        Message(
            workspace_id=batch.workspace_id,
            campaign_id=batch.campaign_id,
            batch_id=batch.id,
            recipient_id=recipient_id,
            address=address,
            status=MessageStatus(status),
            attempts=0 if status == "pending" else 1,
            sent_at=now if status == "sent" else None,
            next_attempt_at=now + timedelta(minutes=5) if status == "deferred" else None,
        )
    )


def message(campaign: Campaign, number: int) -> Message:
    """The campaign's message to p<number>."""
    return (
        db.session.query(Message)
        .filter_by(workspace_id=campaign.workspace_id, campaign_id=campaign.id)
        .filter(Message.address.like(f"p{number}@%"))
        .one()
    )


def refuse(to: Message, reply: str, *, code: int = 550, **values: Any) -> DeliveryEvent:
    """Note what a server said about the message; `reply` begins with the enhanced code."""
    defaults = {"enhanced": reply.partition(" ")[0], "phase": "rcpt", "status": to.status}
    return factories.save(
        DeliveryEvent(
            workspace_id=to.workspace_id,
            campaign_id=to.campaign_id,
            message_id=to.id,
            code=code,
            reply=reply,
            **{**defaults, **values},
        )
    )


def freeze(campaign: Campaign) -> Campaign:
    """Complete it: its counts go into its row."""
    counts = progress.counts(campaign_workspace(campaign), [campaign])[campaign.id]
    campaign.final_counts = counts.as_dict()
    campaign.status = CampaignStatus.COMPLETED
    campaign.finished_at = clock.now()
    db.session.commit()
    return campaign


def campaign_workspace(campaign: Campaign) -> Workspace:
    return db.session.get_one(Workspace, campaign.workspace_id)


def engage(campaign: Campaign, at: datetime, **values: int) -> Engagement:
    """What happened in the five minutes that begin at `at`."""
    whose = {"workspace_id": campaign.workspace_id, "campaign_id": campaign.id}
    return factories.save(Engagement(**whose, bucket=at, **values))


def give_free(campaign: Campaign, *, seconds_ago: float) -> None:
    """Let the dispatcher have given the campaign's batches free, due since then."""
    due = clock.now() - timedelta(seconds=seconds_ago)
    values = {"state": BatchState.DISPATCHED, "not_before": due}
    db.session.query(Batch).filter_by(
        workspace_id=campaign.workspace_id, campaign_id=campaign.id
    ).update(values)
    db.session.commit()
