"""Campaigns: written, looked at, changed, deleted."""

from __future__ import annotations

from collections.abc import Sequence

from flask import g

from campaign_app.api.campaign_shapes import (
    CampaignChanges,
    CampaignFilter,
    CampaignOut,
    CampaignRow,
    NewCampaign,
    WrittenCampaign,
)
from campaign_app.api.routes import Routes, after_commit
from campaign_app.api.shapes import Listing, listing
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.services import (
    campaign_drafts,
    campaign_pages,
    campaigns,
    direct_recipients,
    transitions,
)
from campaign_app.tasks import jobs

routes = Routes("campaigns", load=campaigns.get)


@routes.post(status=201, conflicts=True, idempotent=True)
def create(body: NewCampaign) -> WrittenCampaign:
    """Write a campaign.

    A draft, or with `scheduled_at` one that starts by itself. It answers at once, however many
    `recipient_emails` there are.
    """
    emails = direct_recipients.checked(body.recipient_emails or [])
    campaign = campaigns.create(g.workspace, body.draft(), user=g.user)
    erased = _fill(campaign, emails)
    _schedule(campaign, body)
    return WrittenCampaign.after(g.workspace, campaign, erased=erased)


@routes.get()
def index(query: CampaignFilter) -> Listing[CampaignRow]:
    """List the campaigns, the newest first."""
    found = campaign_pages.after(
        g.workspace, status=query.status, place=query.after, size=query.limit + 1
    )
    return listing([CampaignRow.of(campaign) for campaign in found], query)


@routes.get("/<int:campaign_id>")
def show(campaign: Campaign) -> CampaignOut:
    """Show a campaign."""
    return CampaignOut.whole(g.workspace, campaign)


@routes.patch("/<int:campaign_id>", conflicts=True)
def change(campaign: Campaign, body: CampaignChanges) -> WrittenCampaign:
    """Change a draft or a scheduled campaign.

    What is left out stays. `scheduled_at` null takes it off the schedule.
    """
    emails = direct_recipients.checked(body.recipient_emails or [])
    transitions.lock(campaign, "edited")  # two changes at once must both be kept
    draft = body.applied(campaign_drafts.of(g.workspace, campaign))
    campaigns.edit(g.workspace, campaign, draft)
    erased: Sequence[str] = ()
    if "recipient_emails" in body.model_fields_set:
        erased = _fill(campaign, emails)
    _schedule(campaign, body)
    return WrittenCampaign.after(g.workspace, campaign, erased=erased)


@routes.delete("/<int:campaign_id>", conflicts=True)
def delete(campaign: Campaign) -> None:
    """Delete a campaign that is not under way."""
    campaigns.delete(g.workspace, campaign, user=g.user)


def _fill(campaign: Campaign, emails: list[str]) -> Sequence[str]:
    """Give it these direct recipients; the answer is whose data was erased, and who is left out."""
    filled = direct_recipients.replace(g.workspace, campaign, emails, user=g.user)
    if filled.joined is None and campaign.own_group_id is not None:
        after_commit(jobs.ring_filling, campaign.own_group_id)
    return filled.erased


def _schedule(campaign: Campaign, body: CampaignChanges) -> None:
    if body.timezone:
        campaign_drafts.set_zone(g.workspace, campaign, body.timezone)
    if body.scheduled_at is not None:
        when, zone = body.scheduled_at, campaign.time_zone
        campaigns.schedule(g.workspace, campaign, when=when, zone=zone, user=g.user)
    elif "scheduled_at" in body.model_fields_set and campaign.status == CampaignStatus.SCHEDULED:
        campaigns.unschedule(g.workspace, campaign, user=g.user)
