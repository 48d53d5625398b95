"""One campaign, watched live: everything its page shows, in one read of a few milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import load_only

from campaign_app.extensions import db
from campaign_app.lib.errors import NotFound
from campaign_app.lib.kept import kept
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import Campaign
from campaign_app.services import engagement, live_counts, progress
from campaign_app.services.engagement import Series, Totals
from campaign_app.services.progress import Counts

SPARK_POINTS = 24
KEPT_SPARKS = 20
KEPT_OLD_SPARKS = 3600

# Made once: a load_only of twenty columns takes longer to write than to run.
_WITHOUT_TEXTS = load_only(
    Campaign.name,
    Campaign.workspace_id,
    Campaign.sender_id,
    Campaign.status,
    Campaign.scheduled_at,
    Campaign.tpm,
    Campaign.started_at,
    Campaign.planned_at,
    Campaign.finished_at,
    Campaign.pause_reason,
    Campaign.paused_by,
    Campaign.total,
    Campaign.left_out_duplicate,
    Campaign.left_out_spellings,
    Campaign.left_out_excluded,
    Campaign.left_out_unsubscribed,
    Campaign.left_out_suppressed,
    Campaign.final_counts,
    Campaign.progress,
    Campaign.retry_through,
)
_OUTCOMES = text(
    """
    SELECT width_bucket(extract(epoch FROM finished_at)::float, :since, :until, :points) AS point,
           sum(sent) AS sent, sum(failed) AS failed
    FROM batches
    WHERE workspace_id = :workspace AND campaign_id = :campaign AND finished_at IS NOT NULL
    GROUP BY 1
    """
)


@dataclass(frozen=True, slots=True)
class Live:
    """A campaign at this moment."""

    campaign: Campaign
    counts: Counts
    rate: float
    """Messages a minute, over the last minute; 0 when nothing moves."""
    eta: int | None
    """Seconds until it is done; None when nobody can know."""
    waiting: str
    """Why it does not go faster; empty when nothing holds it back."""
    engagement: Totals
    growth: Series
    """Its engagement since it began, coarsely: for the tiles' small curves."""


def get(workspace: HasId, campaign_id: int) -> Campaign:
    """The workspace's campaign without its texts, which no live page shows. Raises NotFound."""
    campaign = db.session.scalars(
        owned_by(workspace, Campaign).where(Campaign.id == campaign_id).options(_WITHOUT_TEXTS)
    ).one_or_none()
    if campaign is None:
        raise NotFound
    return campaign


def live(workspace: HasId, campaign: Campaign, *, now: datetime) -> Live:
    """Everything that moves on the campaign's page."""
    counts = live_counts.of(workspace, [campaign])[campaign.id]
    growth = engagement.series(workspace, campaign, span="all", now=now, points=SPARK_POINTS)
    return Live(
        campaign=campaign,
        counts=counts,
        rate=progress.rate_per_minute(campaign, counts.done),
        eta=progress.eta_seconds(campaign, counts),
        waiting=progress.waiting_for(workspace, campaign, counts),
        engagement=growth.totals(),
        growth=growth,
    )


def outcome_growth(workspace: HasId, campaign: Campaign, *, now: datetime) -> dict[str, list[int]]:
    """How `sent` and `failed` grew, for the tiles' small curves; up to KEPT_SPARKS old."""
    if campaign.started_at is None:
        return {"sent": [], "failed": []}
    until = campaign.finished_at or now
    values = {
        "workspace": workspace.id,
        "campaign": campaign.id,
        "since": campaign.started_at.timestamp(),
        "until": max(until.timestamp(), campaign.started_at.timestamp() + 1),
        "points": SPARK_POINTS,
    }
    seconds = KEPT_SPARKS if campaign.final_counts is None else KEPT_OLD_SPARKS
    key = f"analytics:growth:{workspace.id}:{campaign.id}:{campaign.finished_at or campaign.status}"
    return kept(key, seconds, lambda: _growth(values))


def _growth(values: dict[str, float]) -> dict[str, list[int]]:
    found = {row.point: row for row in db.session.execute(_OUTCOMES, values)}
    # Below 1 and above SPARK_POINTS lies what ended before the start or after the end.
    points = range(SPARK_POINTS + 2)
    return {
        name: _added_up([int(getattr(found.get(point), name, 0)) for point in points])
        for name in ("sent", "failed")
    }


def _added_up(values: Sequence[int]) -> list[int]:
    total = 0
    return [total := total + value for value in values]
