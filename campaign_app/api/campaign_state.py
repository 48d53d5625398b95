"""How far a campaign is, in JSON."""

from __future__ import annotations

from functools import partial
from typing import Any

from pydantic import Field

from campaign_app.api.shapes import Out
from campaign_app.lib import patience
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import EDITABLE, LIVE, Campaign, CampaignStatus
from campaign_app.services import audience, progress, readiness
from campaign_app.services.audience import Audience
from campaign_app.services.progress import Counts

_UNKNOWN = f"Null before the start, if counting takes longer than {audience.COUNT_SECONDS} seconds."


class LeftOut(Out):
    """Who was chosen and is not mailed: outside `total`."""

    duplicate: int = Field(
        description="In several of the groups and segments, or another spelling of a mailbox that "
        "is mailed: mailed once."
    )
    excluded: int = Field(description="In a group or a segment that is left out.")
    unsubscribed: int
    suppressed: int

    @classmethod
    def of(cls, found: Audience) -> LeftOut:
        """Those whom a count of the audience does not find."""
        return cls(
            duplicate=found.duplicates,
            excluded=found.excluded,
            unsubscribed=found.unsubscribed,
            suppressed=found.suppressed,
        )


class CampaignState(Out):
    """A campaign's messages by status: total = pending + sending + done, and done = sent + failed +
    unconfirmed + skipped + cancelled. Before it is planned: as of now.
    """

    status: CampaignStatus = Field(examples=["sending"])
    total: int | None = Field(description=_UNKNOWN)
    pending: int | None = Field(description=_UNKNOWN)
    sending: int
    sent: int
    deferred: int = Field(description="To be tried again later; part of `pending`.")
    failed: int
    unconfirmed: int = Field(description="They left, and no answer came: nobody can know.")
    skipped: int = Field(description="Unsubscribed or suppressed since it was planned.")
    cancelled: int
    done: int
    left_out: LeftOut | None = Field(description=_UNKNOWN)
    rate_limit: int | None = Field(description="Messages a minute; null: as its sender may.")
    eta_seconds: int | None = Field(description="Null when it does not move.")
    waiting_for: str | None = Field(description="Why it does not go faster, in a few words.")

    @classmethod
    def of(cls, workspace: HasId, campaign: Campaign) -> CampaignState:
        """How far it is now."""
        if campaign.planned_at is None and campaign.status in (*EDITABLE, *LIVE):
            counts, shown = _foreseen(workspace, campaign)
        else:
            counts, shown = _planned(workspace, campaign)
        return cls(
            status=campaign.status,
            **shown,
            rate_limit=campaign.tpm,
            eta_seconds=progress.eta_seconds(campaign, counts),
            waiting_for=_waiting_for(workspace, campaign, counts) or None,
        )


def _planned(workspace: HasId, campaign: Campaign) -> tuple[Counts, dict[str, Any]]:
    counts = progress.counts(workspace, [campaign])[campaign.id]
    frozen = Audience(
        duplicates=campaign.left_out_duplicate,
        excluded=campaign.left_out_excluded,
        unsubscribed=campaign.left_out_unsubscribed,
        suppressed=campaign.left_out_suppressed,
    )
    return counts, {**counts.as_dict(), "left_out": LeftOut.of(frozen)}


def _foreseen(workspace: HasId, campaign: Campaign) -> tuple[Counts, dict[str, Any]]:
    """As of now; the counts are empty when it takes too long to know them."""
    ask = partial(audience.preview, workspace, campaign)
    found = patience.within(audience.COUNT_SECONDS, ask)
    if found is None:
        counts = Counts()
        return counts, {**counts.as_dict(), "total": None, "pending": None, "left_out": None}
    counts = Counts(total=found.total, pending=found.total)
    return counts, {**counts.as_dict(), "left_out": LeftOut.of(found)}


def _waiting_for(workspace: HasId, campaign: Campaign, counts: Counts) -> str:
    if campaign.status in EDITABLE:
        return readiness.awaited(workspace, campaign)
    return progress.waiting_for(workspace, campaign, counts)


class Reconciled(Out):
    """What a check found, and put right."""

    is_clean: bool = Field(description="Everything was in order.")
    findings: list[str] = Field(description="What was not, in plain words.")
    checked: int = Field(description="Batches looked at.")
    taken_back: int = Field(description="Batches of workers that died.")
    given_back: int = Field(description="Messages of theirs that had never left.")
    recorded: int = Field(description="Messages of theirs with a known end.")
    unconfirmed: int = Field(description="Messages of theirs whose end nobody knows.")
    settled: int = Field(description="Unconfirmed messages of which a worker's notes could tell.")
    retried: int = Field(description="Messages whose time to be tried again had come.")
    repaired: int = Field(description="Batches that did not match their messages.")
    missing: int = Field(description="Messages that are in no batch.")
    withdrawn: int = Field(description="Batches that waited and may not be sent now.")
    doorbells: int = Field(description="Connections that could send, did not, and were called.")
    to_plan: bool = Field(description="Nobody had worked out the audience; now a worker will.")
    completed: bool = Field(description="Its last message had ended, and nobody had noticed.")
    reopened: bool = Field(description="It was held to be complete, and was not.")
