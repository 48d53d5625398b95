"""The pace that a sender and a campaign ask for, read anew for every window."""

from __future__ import annotations

from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.models.campaigns import Campaign
from campaign_app.models.senders import Sender
from campaign_app.sending.throttle import Pace, sender_gap


def of(sender: Sender, campaign_id: int) -> Pace:
    """The present gaps: a changed rate holds from the next window on."""
    tpm = db.session.scalar(
        select(Campaign.tpm).where(
            Campaign.workspace_id == sender.workspace_id, Campaign.id == campaign_id
        )
    )
    return Pace(
        sender.id,
        campaign_id,
        sender_gap(delay_seconds=sender.delay_seconds, per_minute=sender.per_minute),
        60 / tpm if tpm else 0.0,
    )
