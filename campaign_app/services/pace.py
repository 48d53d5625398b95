"""A campaign's rate, and batches that wait for their pace.

A drain whose next message is due in a minute gives its batch back until shortly before. Whoever
changes a pace brings that moment forward in the same transaction, and the batch looks again.
"""

from __future__ import annotations

from sqlalchemy import func, update

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import EDITABLE, LIVE, Campaign, CampaignStatus
from campaign_app.models.messages import Batch, BatchState
from campaign_app.models.people import User
from campaign_app.models.senders import Sender
from campaign_app.services import audit, progress, transitions

MAX_RATE = 1_000_000


def set_rate(workspace: HasId, campaign: Campaign, *, tpm: int | None, user: User) -> None:
    """Messages per minute from now on; None leaves the pace to the sender.

    Running workers follow within a second of the commit and the ring. Raises Invalid, Conflict.
    """
    check_rate(tpm)
    so_far = progress.counts(workspace, [campaign])[campaign.id]
    values = {"tpm": tpm, "progress": progress.samples_after(campaign, so_far, tpm=tpm)}
    transitions.win(workspace, campaign, (*EDITABLE, *LIVE), "given another rate", **values)
    release_campaign(workspace, campaign)
    rate = f"{tpm:,} a minute" if tpm else "as fast as its sender allows"
    summary = f"{user.name} changed the rate of “{campaign.name}”: {rate}"
    audit.record(workspace, "campaign.paced", summary, user=user, subject_id=campaign.id)


def check_rate(tpm: int | None) -> None:
    """Raise Invalid unless `tpm` can be a campaign's rate."""
    if tpm is not None and not 1 <= tpm <= MAX_RATE:
        raise Invalid(f"A rate is 1 to {MAX_RATE:,} a minute; empty means no limit.", field="tpm")


def release_campaign(workspace: HasId, campaign: Campaign) -> None:
    """Let the campaign's held batches look at its rate again; the caller has written the rate."""
    if campaign.sender_id is not None:
        _release(workspace, campaign.sender_id, campaign_id=campaign.id)


def release_sender(workspace: HasId, sender: Sender) -> None:
    """Let every held batch of the sender look at its pace again; the caller has written it."""
    _release(workspace, sender.id)


def of_sender(sender: Sender) -> float | None:
    """E-mails a minute that the sender may send now; None for any number."""
    return min(filter(None, (sender.set_rate, sender.brake_rate)), default=None)


def follow_sender(workspace: HasId, sender: Sender, *, was: float | None) -> None:
    """Let the estimates of what is being sent follow the sender's pace, which `was` another.

    Its campaigns share the pace as they did in the last minute.
    """
    becomes = of_sender(sender)
    moving = db.session.scalars(
        owned_by(workspace, Campaign).where(
            Campaign.sender_id == sender.id, Campaign.status == CampaignStatus.SENDING
        )
    ).all()
    counts = progress.counts(workspace, moving)
    rates = {one.id: progress.rate_per_minute(one, counts[one.id].done) for one in moving}
    together = sum(rates.values())
    if not together or not progress.matters(was=was, becomes=becomes, measured=together):
        return
    for one in moving:
        share = becomes and becomes * rates[one.id] / together
        expected = min(filter(None, (share, one.tpm)), default=None)
        one.progress = progress.anew(counts[one.id], expected=expected)


def _release(workspace: HasId, sender_id: int, *, campaign_id: int | None = None) -> None:
    held = (
        update(Batch)
        .where(
            Batch.workspace_id == workspace.id,
            Batch.sender_id == sender_id,
            Batch.state == BatchState.PENDING,
            Batch.not_before > func.now(),
        )
        .values(not_before=func.now())
        .execution_options(synchronize_session=False)
    )
    if campaign_id is not None:
        held = held.where(Batch.campaign_id == campaign_id)
    db.session.execute(held)
