"""A campaign's live figures as its page and its JSON show them: one place, so that they agree."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from flask_login import current_user

from campaign_app.lib import shares
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.services.analytics import Live
from campaign_app.services.engagement import Series, Totals
from campaign_app.services.progress import Counts
from campaign_app.web.filters import user_zone
from campaign_app.web.moments import duration, friendly, localised

DAY = timedelta(days=1)
STATES = (
    ("sent", "green"),
    ("sending", "teal"),
    ("pending", "azure"),
    ("deferred", "yellow"),
    ("failed", "red"),
    ("unconfirmed", "orange"),
    ("skipped", "secondary"),
    ("cancelled", "secondary"),
)
"""The delivery states in the order of the page, with their colours."""
OUTCOMES = {
    "labels": ["Sent", "Failed", "Pending", "Other"],
    "colors": ["green", "red", "azure", "secondary"],
}
"""Other: unconfirmed, skipped, cancelled."""


def live_figures(live: Live, growth: dict[str, list[int]]) -> dict[str, Any]:
    """Everything that moves on the page. Shares and rates are 0 to 100."""
    counts, did = live.counts, live.engagement
    moved = (counts.total, counts.done, counts.deferred, counts.sending, did.opens, did.clicks)
    return {
        "status": live.campaign.status.value,
        "headline": headline(live),
        "percent": shares.percent(counts.done, counts.total),
        "waits": waits(live.campaign, live.waiting),
        "counts": counts.as_dict(),
        "shares": {name: shares.percent(getattr(counts, name), counts.total) for name, _ in STATES},
        "key": {
            "sent": shares.percent(counts.sent, counts.total),
            "failed": shares.percent(counts.failed, counts.total),
            "waiting": shares.percent(counts.pending + counts.sending, counts.total),
        },
        "moved": ".".join(map(str, moved)),
        "engagement": asdict(did),
        "rates": _rates(counts, did),
        "charts": {
            "outcomes": outcomes(counts),
            **growth,
            "opened": live.growth.growth("unique_opens"),
            "clicked": live.growth.growth("unique_clicks"),
            "unsubscribed": live.growth.growth("unsubscribes"),
        },
    }


def outcomes(counts: Counts) -> dict[str, Any]:
    """The doughnut: sent, failed, pending, and the rest."""
    other = counts.unconfirmed + counts.skipped + counts.cancelled
    values = [counts.sent, counts.failed, counts.pending + counts.sending, other]
    return {
        **OUTCOMES,
        "values": values,
        "centre": f"{shares.percent(counts.sent, counts.total):.1f}%" if counts.total else "–",
        "caption": "sent",
    }


def engagement_chart(series: Series) -> dict[str, Any]:
    """Opens and clicks over time; machines' opens beside people's."""
    return {
        "labels": [_label(at, series.step) for at, _ in series.points],
        "series": [
            {"label": "Opens", "values": series.values("opens"), "color": "blue"},
            {"label": "Clicks", "values": series.values("clicks"), "color": "green"},
            {
                "label": "Machine opens",
                "values": series.values("machine_opens"),
                "color": "gray-400",
            },
        ],
    }


def _label(at: datetime, step: timedelta) -> str:
    local = at.astimezone(user_zone())
    if step >= DAY:
        return f"{local.day} {local:%b}"
    return f"{local:%H:%M}" if step < timedelta(hours=1) else f"{local.day} {local:%b %H:%M}"


def headline(live: Live) -> str:
    """When it started, how far it is, how fast it goes and how long it will take, in a line."""
    campaign, counts = live.campaign, live.counts
    said = [_started(campaign), f"{counts.sent:,} of {counts.total:,} sent"]
    if campaign.planned_at is None:
        said = said[:1]
    if live.rate >= 1:
        said.append(f"{live.rate:,.0f} / min")
    if live.eta is not None:
        said.append(f"about {duration(live.eta)} left")
    if campaign.finished_at and campaign.started_at:
        took = (campaign.finished_at - campaign.started_at).total_seconds()
        said.append(f"took {duration(took)}")
    return " · ".join(said)


def _rates(counts: Counts, did: Totals) -> dict[str, float]:
    tried = counts.sent + counts.failed + counts.unconfirmed
    return {
        "sent": shares.percent(counts.sent, counts.total),
        "opened": shares.percent(did.unique_opens, counts.sent),
        "clicked": shares.percent(did.unique_clicks, counts.sent),
        "failed": shares.percent(counts.failed, tried),
        "unsubscribed": shares.percent(did.unsubscribes, counts.sent),
    }


def _started(campaign: Campaign) -> str:
    if campaign.started_at is None:
        return "Not started yet"
    return f"Started {friendly(campaign.started_at)} ({current_user.time_zone})"


def waits(campaign: Campaign, waiting: str) -> dict[str, str]:
    """Why it does not go faster: a quiet line, or an alarm when a person has to act."""
    words = localised(waiting)
    words = words[:1].upper() + words[1:]
    alarm = waiting.startswith("sender stopped") or (
        campaign.status == CampaignStatus.PAUSED and campaign.paused_by == "policy"
    )
    return {"alarm": words if alarm else "", "calm": "" if alarm else words}
