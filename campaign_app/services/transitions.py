"""How a campaign changes: by winning its row, never by looking first.

Two people, or a person and the clock, may press at the same moment: one wins, the other is told
what the campaign is now.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import update
from sqlalchemy.exc import InvalidRequestError

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, NotFound
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import EDITABLE, Campaign, CampaignStatus

_IS_NOW = {
    CampaignStatus.DRAFT: "it is a draft",
    CampaignStatus.SCHEDULED: "it is scheduled",
    CampaignStatus.SENDING: "it is being sent",
    CampaignStatus.PAUSED: "it is paused",
    CampaignStatus.COMPLETED: "it is completed",
    CampaignStatus.CANCELLED: "it is cancelled",
}


def win(
    workspace: HasId,
    campaign: Campaign,
    start: Collection[CampaignStatus],
    verb: str,
    **values: object,
) -> None:
    """Write `values` if the campaign is in one of the `start` states; else raise Conflict."""
    won = db.session.scalar(
        update(Campaign)
        .where(
            Campaign.workspace_id == workspace.id,
            Campaign.id == campaign.id,
            Campaign.status.in_(start),
        )
        .values(updated_at=clock.now(), **values)
        .returning(Campaign.id)
    )
    if won is None:
        raise refusal(campaign, verb)


def lock(campaign: Campaign, verb: str) -> None:
    """Hold the row of an editable campaign until the commit, so that what is checked stays true.

    Raises Conflict for one that is under way or over.
    """
    hold(campaign)
    if campaign.status not in EDITABLE:
        raise refusal(campaign, verb)


def hold(campaign: Campaign) -> None:
    """Hold its row until the commit, in whatever state it is. Raises NotFound when it is gone."""
    _read_again(campaign, hold=True)


def refusal(campaign: Campaign, verb: str) -> Conflict:
    """Why it could not be done: "“Autumn” cannot be paused: it is a draft now."."""
    _read_again(campaign)
    return Conflict(f"“{campaign.name}” cannot be {verb}: {_IS_NOW[campaign.status]} now.")


def _read_again(campaign: Campaign, *, hold: bool = False) -> None:
    """Bring the row up to date. Raises NotFound when somebody has deleted it meanwhile."""
    try:
        # NO KEY: who only refers to the campaign, as a merge of its groups does, need not wait.
        db.session.refresh(campaign, with_for_update={"key_share": True} if hold else None)
    except InvalidRequestError:
        raise NotFound from None
