"""A campaign that was over, once some of its messages have moved again."""

from __future__ import annotations

from campaign_app.lib.errors import Conflict
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.services import progress, transitions

STATES = (CampaignStatus.COMPLETED, CampaignStatus.SENDING, CampaignStatus.PAUSED)
"""In these a campaign can take messages back that are to be sent again."""


def hold_open(campaign: Campaign) -> None:
    """Hold the row of a campaign that can send again, until the commit.

    Raises Conflict for one that is not started, was cancelled or has lost its sender.
    """
    transitions.hold(campaign)
    if campaign.status not in STATES:
        raise Conflict(f"A {campaign.status} campaign has nothing to try again.")
    if campaign.sender_id is None:
        raise Conflict(f"The sender of “{campaign.name}” was deleted: nothing can be sent again.")


def recount(workspace: HasId, campaign: Campaign) -> None:
    """Freeze a finished campaign's counts anew; reopen a completed one with something to send.

    Its row must be held. What a cancelled one has got to send, the next round cancels.
    """
    if campaign.final_counts is None:
        return
    campaign.final_counts = None
    so_far = progress.counts(workspace, [campaign])[campaign.id]
    if so_far.done == so_far.total:
        campaign.final_counts = so_far.as_dict()
    elif campaign.status == CampaignStatus.COMPLETED:
        campaign.status, campaign.finished_at = CampaignStatus.SENDING, None
