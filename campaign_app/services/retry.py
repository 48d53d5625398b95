"""Trying again by hand: failed messages, and unconfirmed ones whose fate somebody decides."""

from __future__ import annotations

from sqlalchemy import text, update

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.messages import MessageStatus
from campaign_app.services import regroup

CHUNK = 5_000

# The batches' counts lead to the few messages; no index names a message's status.
_FIND = text(
    """
    SELECT m.id FROM messages m
    JOIN batches b ON b.id = m.batch_id
    WHERE b.campaign_id = :campaign AND b.workspace_id = :workspace AND m.status = :status
      AND (b.failed > 0 OR b.unconfirmed > 0)
      AND NOT EXISTS (SELECT FROM suppressions s
                      WHERE s.workspace_id = m.workspace_id AND s.email = m.address)
    ORDER BY m.id LIMIT :most FOR UPDATE OF m SKIP LOCKED
    """
)


def retry_failed(workspace: HasId, campaign: Campaign) -> int:
    """Make the campaign's failed messages pending again, all tiers before them; gives how many.

    Those to suppressed addresses stay failed: they would only be skipped, and no report would tell
    of their failure any more. Reopens a completed campaign. Raises Conflict for one that is not
    started, was cancelled or has lost its sender.
    """
    return _again(workspace, campaign, MessageStatus.FAILED)


def send_unconfirmed_again(workspace: HasId, campaign: Campaign) -> int:
    """Send the unconfirmed messages again, at the risk of a second copy; gives how many."""
    return _again(workspace, campaign, MessageStatus.UNCONFIRMED)


def _again(workspace: HasId, campaign: Campaign, status: MessageStatus) -> int:
    _reopen(workspace, campaign)
    moved = 0
    while True:
        found = db.session.scalars(
            _FIND,
            {
                "campaign": campaign.id,
                "workspace": workspace.id,
                "status": status.value,
                "most": CHUNK,
            },
        ).all()
        if not found:
            return moved
        moved += regroup.into_new_batches(found, afresh=True)


def _reopen(workspace: HasId, campaign: Campaign) -> None:
    open_states = (CampaignStatus.COMPLETED, CampaignStatus.SENDING, CampaignStatus.PAUSED)
    won = db.session.scalar(
        update(Campaign)
        .where(
            Campaign.workspace_id == workspace.id,
            Campaign.id == campaign.id,
            Campaign.status.in_(open_states),
            Campaign.sender_id.is_not(None),
        )
        .values(final_counts=None, finished_at=None)
        .returning(Campaign.id)
    )
    if won is None:
        raise _refusal(campaign)
    db.session.execute(
        update(Campaign)
        .where(
            Campaign.workspace_id == workspace.id,
            Campaign.id == campaign.id,
            Campaign.status == CampaignStatus.COMPLETED,
        )
        .values(status=CampaignStatus.SENDING)
    )


def _refusal(campaign: Campaign) -> Conflict:
    db.session.refresh(campaign)
    if campaign.sender_id is None:
        return Conflict(f"The sender of “{campaign.name}” was deleted: nothing can be sent again.")
    return Conflict(f"A {campaign.status} campaign has nothing to try again.")
