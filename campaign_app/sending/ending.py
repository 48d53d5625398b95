"""The end of campaigns: sampling how far they are, completing them, clearing the cancelled."""

from __future__ import annotations

from time import monotonic

from sqlalchemy import select, text

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.sending import message_halves
from campaign_app.sending.troubles import Ref
from campaign_app.services import audit, progress
from campaign_app.services.progress import Counts

CANCELLED_AT_ONCE = 200
"""Batches whose messages are cancelled in one transaction."""
CLEARING_SECONDS = 2.0
"""How long a round goes on with that for one campaign."""

_CANCEL = text(
    """
    WITH freed AS (
        SELECT id FROM batches
        WHERE campaign_id = :campaign AND state <> 'done'
          AND (state <> 'sending' OR lease_until < now()) AND opened = 0
        ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    ), ended AS (
        UPDATE messages SET status = 'cancelled', next_attempt_at = NULL
        WHERE batch_id IN (SELECT id FROM freed) AND status = 'pending'
        RETURNING batch_id
    ), counted AS (
        SELECT batch_id, count(*) AS n FROM ended GROUP BY batch_id)
    UPDATE batches b
    SET state = 'done', finished_at = now(), lease_until = NULL, fence = fence + 1,
        cancelled = b.cancelled + COALESCE((SELECT n FROM counted WHERE batch_id = b.id), 0)
    WHERE b.id IN (SELECT id FROM freed)
    RETURNING b.id
    """
)
_CANCEL_DEFERRED = text(
    """
    WITH ended AS (
        UPDATE messages m SET status = 'cancelled', next_attempt_at = NULL
        FROM batches b
        WHERE b.id = m.batch_id AND b.campaign_id = :campaign AND b.deferred > 0
          AND b.state = 'done' AND m.status = 'deferred'
        RETURNING m.batch_id
    ), counted AS (
        SELECT batch_id, count(*) AS n FROM ended GROUP BY batch_id)
    UPDATE batches b SET deferred = b.deferred - n, cancelled = b.cancelled + n
    FROM counted WHERE counted.batch_id = b.id
    """
)


def settle() -> None:
    """Sample every campaign that moves, complete those with nothing left, clear the cancelled."""
    awake = db.session.scalars(
        select(Campaign)
        .where(
            Campaign.status.in_((CampaignStatus.SENDING, CampaignStatus.CANCELLED)),
            Campaign.final_counts.is_(None),
        )
        .execution_options(all_workspaces=True)  # the dispatcher serves every workspace
    ).all()
    for campaign in awake:
        settle_one(campaign)


def settle_one(campaign: Campaign) -> None:
    """The same for one campaign, if it moves, and commit."""
    if campaign.final_counts is None and campaign.status == CampaignStatus.CANCELLED:
        _clear(campaign)
    elif campaign.status == CampaignStatus.SENDING and campaign.planned_at is not None:
        _sample_or_complete(campaign)
    db.session.commit()


def _sample_or_complete(campaign: Campaign) -> None:
    so_far = _counts(campaign)
    if _is_under_way(campaign, so_far):
        campaign.progress = progress.sampled(campaign, so_far.done, at=clock.now())
        return
    # Somebody may be trying failed messages again: only under the row's lock is a count the last.
    db.session.refresh(campaign, with_for_update=True)
    so_far = _counts(campaign)
    if campaign.status == CampaignStatus.SENDING and not _is_under_way(campaign, so_far):
        _complete(campaign, so_far)


def _is_under_way(campaign: Campaign, so_far: Counts) -> bool:
    is_retried = campaign.retry_through is not None  # more of what failed will be pending again
    return is_retried or so_far.done < so_far.total or so_far.sending > 0


def _counts(campaign: Campaign) -> Counts:
    return progress.counts(Ref(campaign.workspace_id), [campaign])[campaign.id]


def _complete(campaign: Campaign, so_far: Counts) -> None:
    campaign.status = CampaignStatus.COMPLETED
    campaign.finished_at = clock.now()
    campaign.final_counts = so_far.as_dict()
    campaign.progress = []
    audit.record(
        Ref(campaign.workspace_id),
        "campaign.completed",
        f"“{campaign.name}” is complete: {so_far.sent:,} of {so_far.total:,} sent",
        subject_id=campaign.id,
    )


def _clear(campaign: Campaign) -> None:
    """Turn what a cancelled campaign has left into `cancelled`, some batches at a time."""
    if campaign.planned_at is None:
        message_halves.forget(campaign.id)
    until = monotonic() + CLEARING_SECONDS
    while _cancel_some(campaign.id) and monotonic() < until:
        db.session.commit()
    db.session.execute(_CANCEL_DEFERRED, {"campaign": campaign.id})
    so_far = _counts(campaign)
    if so_far.done == so_far.total:
        campaign.final_counts = so_far.as_dict()
        campaign.finished_at = campaign.finished_at or clock.now()
        campaign.progress = []


def _cancel_some(campaign_id: int) -> bool:
    """Cancel the messages of some batches; tells whether there may be more."""
    done = db.session.scalars(_CANCEL, {"campaign": campaign_id, "most": CANCELLED_AT_ONCE}).all()
    return len(done) == CANCELLED_AT_ONCE
