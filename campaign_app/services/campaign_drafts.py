"""A campaign as its author's draft, so that a part of it can be rewritten."""

from __future__ import annotations

from campaign_app.lib import zones
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import EDITABLE, Campaign
from campaign_app.services import audience_choice, transitions
from campaign_app.services.campaigns import Draft
from campaign_app.services.contents import Content


def of(workspace: HasId, campaign: Campaign) -> Draft:
    """What is written now."""
    return Draft(
        name=campaign.name,
        content=Content(campaign.subject, campaign.html, campaign.text),
        sender_id=campaign.sender_id,
        choice=audience_choice.of(workspace, campaign),
        one_per_mailbox=campaign.one_per_mailbox,
        tpm=campaign.tpm,
    )


def set_zone(workspace: HasId, campaign: Campaign, zone: str) -> None:
    """On whose clocks its start is shown; the moment stays. Raises Invalid, Conflict."""
    values = {"time_zone": zones.normalise(zone)}
    transitions.win(workspace, campaign, EDITABLE, "moved to another zone", **values)
