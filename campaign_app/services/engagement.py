"""Opens and clicks: totals, and how they spread over time. People and machines stand side by side.

Read from the five-minute buckets that the tracking keeps: a campaign has at most 288 a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign, Link
from campaign_app.models.tracking import Engagement

BUCKET = timedelta(minutes=5)
SPANS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "all": None,
}
"""What the page offers; "all" begins with the campaign and ends with its last reader."""
STEPS = (
    BUCKET,
    timedelta(minutes=15),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=7),
    timedelta(days=28),
)
MAX_POINTS = 60


@dataclass(frozen=True, slots=True)
class Totals:
    """What people and machines did with a campaign; `unique_…` counts a message once."""

    opens: int = 0
    unique_opens: int = 0
    machine_opens: int = 0
    clicks: int = 0
    unique_clicks: int = 0
    machine_clicks: int = 0
    unsubscribes: int = 0


COLUMNS = tuple(field.name for field in fields(Totals))
_BY_STEP = text(
    f"""
    SELECT date_bin(:step, bucket, :first), {", ".join(f"sum({name})" for name in COLUMNS)}
    FROM engagement
    WHERE workspace_id = :workspace AND campaign_id = :campaign AND bucket >= :first
    GROUP BY 1
    """  # noqa: S608  the columns are constants
)


@dataclass(frozen=True, slots=True)
class Series:
    """Totals per step of time, without gaps, oldest first."""

    step: timedelta
    points: list[tuple[datetime, Totals]]

    def totals(self) -> Totals:
        """The sum of all points."""
        return Totals(*(sum(self.values(name)) for name in COLUMNS))

    def values(self, name: str) -> list[int]:
        """One column of the totals, point by point."""
        return [getattr(totals, name) for _, totals in self.points]

    def growth(self, name: str) -> list[int]:
        """One column, added up from the first point on."""
        total = 0
        return [total := total + value for value in self.values(name)]


def series(
    workspace: HasId, campaign: Campaign, *, span: str, now: datetime, points: int = MAX_POINTS
) -> Series:
    """The campaign's engagement over a span up to now, in at most `points` steps."""
    length = SPANS[span]
    since = now - length if length else (campaign.started_at or now)
    until = now if length else _last_moment(workspace, campaign, now)
    step = _step(until - since, points)
    first = _floor(since.astimezone(now.tzinfo), step).astimezone(UTC)
    found = _by_step(workspace, campaign, first, step)
    return Series(step, [(at, found.get(at, Totals())) for at in _steps(first, until, step)])


def links(workspace: HasId, campaign: Campaign, *, limit: int = 8) -> list[Link]:
    """The campaign's links, the most clicked first."""
    return list(
        db.session.scalars(
            select(Link)
            .where(Link.workspace_id == workspace.id, Link.campaign_id == campaign.id)
            .order_by(Link.unique_clicks.desc(), Link.clicks.desc(), Link.number)
            .limit(limit)
        )
    )


def _by_step(
    workspace: HasId, campaign: Campaign, first: datetime, step: timedelta
) -> dict[datetime, Totals]:
    values = {"workspace": workspace.id, "campaign": campaign.id, "first": first, "step": step}
    rows = db.session.execute(_BY_STEP, values)
    return {row[0]: Totals(*(int(value) for value in row[1:])) for row in rows}


def _last_moment(workspace: HasId, campaign: Campaign, now: datetime) -> datetime:
    """Now while it is sent; afterwards when somebody last opened, or it ended."""
    if campaign.finished_at is None:
        return now
    last = db.session.scalar(
        select(func.max(Engagement.bucket)).where(
            Engagement.workspace_id == workspace.id, Engagement.campaign_id == campaign.id
        )
    )
    return max(campaign.finished_at, last or campaign.finished_at)


def _step(length: timedelta, points: int) -> timedelta:
    return next((step for step in STEPS if length / step <= points), STEPS[-1])


def _floor(moment: datetime, step: timedelta) -> datetime:
    """The start of the moment's step; days begin where the moment's zone has midnight."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // step * step


def _steps(first: datetime, last: datetime, step: timedelta) -> Iterator[datetime]:
    at = first
    while at <= last:
        yield at
        at += step
