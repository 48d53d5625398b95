"""What a program does to a campaign, and sees of it while it is being sent."""

from __future__ import annotations

from secrets import token_hex

from flask import g
from pydantic import Field

from campaign_app.api import trials
from campaign_app.api.campaign_state import CampaignState, Reconciled
from campaign_app.api.routes import Routes, after_commit
from campaign_app.api.sender_shapes import TestOrder, TestOutcome
from campaign_app.api.shapes import Body, Out
from campaign_app.lib.errors import Conflict
from campaign_app.models.campaigns import Campaign
from campaign_app.sending.compose import Addressee
from campaign_app.sending.composition import source_of
from campaign_app.sending.trials import campaign_mail
from campaign_app.services import campaigns, pace, senders
from campaign_app.services.pace import MAX_RATE
from campaign_app.tasks import dispatch
from campaign_app.tasks.workshop import workshop

routes = Routes("campaigns", load=campaigns.get)


class NewRate(Body):
    """A campaign's rate."""

    tpm: int | None = Field(ge=1, le=MAX_RATE, description="Messages a minute; null: no limit.")


class Retried(Out):
    """What is tried again."""

    retried: int = Field(description="How many messages.")


@routes.post("/<int:campaign_id>/start", conflicts=True, idempotent=True)
def start(campaign: Campaign) -> CampaignState:
    """Start a draft or a scheduled campaign now.

    Refused (409), with every reason, while something is missing, its audience is empty, or its
    recipients are still being added or imported.
    """
    campaigns.launch(g.workspace, campaign, user=g.user)
    return _rung(campaign)


@routes.post("/<int:campaign_id>/pause", conflicts=True)
def pause(campaign: Campaign) -> CampaignState:
    """Stop within a second's worth of mail."""
    campaigns.pause(g.workspace, campaign, user=g.user)
    return _rung(campaign)


@routes.post("/<int:campaign_id>/resume", conflicts=True)
def resume(campaign: Campaign) -> CampaignState:
    """Go on where it was paused."""
    campaigns.resume(g.workspace, campaign, user=g.user)
    return _rung(campaign)


@routes.post("/<int:campaign_id>/cancel", conflicts=True)
def cancel(campaign: Campaign) -> CampaignState:
    """End it for good; what is not sent yet stays unsent."""
    campaigns.cancel(g.workspace, campaign, user=g.user)
    return _rung(campaign)


@routes.post("/<int:campaign_id>/retry-failed", conflicts=True)
def retry_failed(campaign: Campaign) -> Retried:
    """Try the failed messages again; a completed campaign goes on.

    Suppressed addresses stay failed. Very many are made ready in the background.
    """
    number = campaigns.retry_failed(g.workspace, campaign, user=g.user)
    after_commit(dispatch.ring)
    return Retried(retried=number)


@routes.post("/<int:campaign_id>/reconcile", conflicts=True)
def reconcile(campaign: Campaign) -> Reconciled:
    """Check it and put right what can be, at any moment and any number of times.

    Takes back the batches of dead workers, rings lost doorbells, counts anew, and reports what it
    found.
    """
    report = dispatch.reconcile_and_ring(g.workspace, campaign)
    return Reconciled(**report.as_dict())


@routes.get("/<int:campaign_id>/status")
def status(campaign: Campaign) -> CampaignState:
    """See how far it is."""
    return CampaignState.of(g.workspace, campaign)


@routes.post("/<int:campaign_id>/rate-limit", conflicts=True)
def rate_limit(campaign: Campaign, body: NewRate) -> CampaignState:
    """Change its rate; running workers follow within a second."""
    pace.set_rate(g.workspace, campaign, tpm=body.tpm, user=g.user)
    return _rung(campaign)


@routes.post("/<int:campaign_id>/test", conflicts=True)
@trials.limited
def test(campaign: Campaign, body: TestOrder) -> TestOutcome:
    """Send its e-mail to one address at once, and tell what the server literally said.

    It reads as it would for you, and its subject begins with “[Test]”.
    """
    if campaign.sender_id is None:
        raise Conflict("Choose a sender first: the test goes out through it.")
    sender = senders.get(g.workspace, campaign.sender_id)
    source, tools = source_of(campaign, sender), workshop()

    def compose(to: str) -> bytes:
        return campaign_mail(tools, source, Addressee(0, to, g.user.name, {}, token_hex(6)))

    return trials.send(sender, compose, to=body.to)


def _rung(campaign: Campaign) -> CampaignState:
    """How far it is now; the dispatcher is rung when that is committed."""
    after_commit(dispatch.ring)
    return CampaignState.of(g.workspace, campaign)
