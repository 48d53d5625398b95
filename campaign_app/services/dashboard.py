"""The workspace at a glance: figures of today and overall, the best campaigns, the last week."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, exists, select, text
from sqlalchemy.orm import load_only

from campaign_app.extensions import db
from campaign_app.lib import shares
from campaign_app.lib.kept import kept
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.recipients import Recipient
from campaign_app.models.senders import Sender
from campaign_app.services import live_counts
from campaign_app.services.progress import Counts

KEPT_PAST = 300
"""Seconds for which the opens before today are remembered: they hardly change any more."""
KEPT_TOP = 15
TOP_DAYS = 90
WEEK = 7

_WITHOUT_TEXTS = load_only(
    Campaign.name,
    Campaign.status,
    Campaign.total,
    Campaign.final_counts,
    Campaign.started_at,
    Campaign.planned_at,
    raiseload=True,
)
# What stands still, what moves, what was opened today, and the newest line of the log: every page
# asks for it every few seconds, so it is one trip. What a batch left unfinished overnight sent
# yesterday counts as today's: fifty at the most.
_NOW = text(
    """
    SELECT stopped.sent, stopped.failed, lately.sent AS sent_lately, lately.failed AS failed_lately,
           (SELECT COALESCE(jsonb_agg(jsonb_build_array(id, status, total)), '[]') FROM campaigns
            WHERE workspace_id = :workspace AND status IN ('sending', 'paused', 'cancelled')
              AND final_counts IS NULL)::text AS moving,
           (SELECT COALESCE(sum(unique_opens), 0) FROM engagement
            WHERE workspace_id = :workspace AND bucket >= :midnight) AS opened_today,
           (SELECT COALESCE(max(id), 0) FROM audit_log
            WHERE workspace_id = :workspace) AS last_entry
    FROM (SELECT COALESCE(sum((final_counts->>'sent')::bigint), 0) AS sent,
                 COALESCE(sum((final_counts->>'failed')::bigint), 0) AS failed
          FROM campaigns
          WHERE workspace_id = :workspace AND final_counts IS NOT NULL) AS stopped,
         (SELECT COALESCE(sum(sent), 0) AS sent, COALESCE(sum(failed), 0) AS failed
          FROM (SELECT sent, failed FROM batches
                WHERE workspace_id = :workspace AND finished_at > to_timestamp(:until)
                  AND finished_at >= :midnight
                UNION ALL
                SELECT sent, failed FROM batches
                WHERE workspace_id = :workspace AND finished_at IS NULL AND fence > 0) AS b
         ) AS lately
    """
)
_OPENED_BEFORE = text(
    """
    SELECT COALESCE(sum(unique_opens), 0) FROM engagement
    WHERE workspace_id = :workspace AND bucket < :midnight
    """
)
_BY_OPENS = text(
    """
    SELECT c.id, COALESCE(sum(e.unique_opens), 0) AS opened,
           COALESCE(sum(e.unique_clicks), 0) AS clicked
    FROM campaigns c LEFT JOIN engagement e ON e.workspace_id = :workspace AND e.campaign_id = c.id
    WHERE c.workspace_id = :workspace AND c.started_at >= :since
    GROUP BY c.id
    """
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Messages; `opened` counts each once, and people only."""

    sent: int
    failed: int
    opened: int


@dataclass(frozen=True, slots=True)
class Moving:
    """A campaign that is under way, as far as its counts go."""

    id: int
    status: str
    total: int
    final_counts: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """What is being sent at this moment, for the top bar's paper plane."""

    campaigns: int
    done: int
    total: int

    @property
    def percent(self) -> float:
        """How far it is, 0 to 100."""
        return shares.percent(self.done, self.total)


@dataclass(frozen=True, slots=True)
class Overview:
    """The workspace's figures; `pending` is what waits now, in campaigns that are under way."""

    today: Figures
    overall: Figures
    pending: int
    sending: Sending
    last_entry: int
    """The newest line of the activity log: when it changes, so do the page's lists."""


@dataclass(frozen=True, slots=True)
class Performance:
    """A campaign and what people did with it."""

    campaign: Campaign
    counts: Counts
    opened: int
    clicked: int

    @property
    def open_rate(self) -> float:
        """Unique opens per message sent, 0 to 100."""
        return 100 * self.opened / self.counts.sent if self.counts.sent else 0.0


@dataclass(frozen=True, slots=True)
class Day:
    """The campaigns that started on one day."""

    date: datetime
    sent: int
    open_rate: float | None


@dataclass(frozen=True, slots=True)
class Steps:
    """What a new workspace has done of the way to its first campaign."""

    sender: bool
    recipients: bool
    campaign: bool
    sent: bool

    @property
    def done(self) -> int:
        """How many of the four."""
        return self.sender + self.recipients + self.campaign + self.sent


def overview(workspace: HasId, *, midnight: datetime) -> Overview:
    """The figures of today (since `midnight`) and overall; cheap enough for every five seconds."""
    past = _past(workspace, midnight)
    values = {"workspace": workspace.id, "midnight": midnight, "until": past["until"]}
    now = db.session.execute(_NOW, values).one()
    moving = [Moving(*one) for one in json.loads(now.moving)]
    counts = live_counts.of(workspace, moving)
    return Overview(
        today=Figures(
            int(past["sent"]) + int(now.sent_lately),
            int(past["failed"]) + int(now.failed_lately),
            int(now.opened_today),
        ),
        overall=Figures(
            int(now.sent) + sum(one.sent for one in counts.values()),
            int(now.failed) + sum(one.failed for one in counts.values()),
            int(now.opened_today) + int(past["opened_before"]),
        ),
        pending=sum(one.pending + one.sending for one in counts.values()),
        sending=_sending(moving, counts),
        last_entry=int(now.last_entry),
    )


def performances(workspace: HasId, *, now: datetime) -> list[Performance]:
    """The campaigns started in the last TOP_DAYS, newest first, with their opens and clicks."""
    since = now - timedelta(days=TOP_DAYS)
    campaigns = db.session.scalars(
        _light(workspace)
        .where(Campaign.started_at >= since)
        .order_by(Campaign.started_at.desc(), Campaign.id.desc())
    ).all()
    counts = live_counts.of(workspace, campaigns)
    did = kept(
        f"dashboard:opens:{workspace.id}", KEPT_TOP, lambda: _engagement(workspace, since=since)
    )
    return [Performance(one, counts[one.id], *did.get(str(one.id), (0, 0))) for one in campaigns]


def top(found: Sequence[Performance], *, limit: int = 5) -> list[Performance]:
    """The campaigns with the best unique open rates."""
    opened = [one for one in found if one.opened]
    return sorted(opened, key=lambda one: (-one.open_rate, -one.counts.sent))[:limit]


def timeline(found: Sequence[Performance], *, midnight: datetime) -> list[Day]:
    """The last seven days, oldest first, each with what its campaigns sent and their open rate."""
    return [_day(found, midnight - timedelta(days=back)) for back in range(WEEK - 1, -1, -1)]


def this_week(found: Sequence[Performance], *, midnight: datetime) -> list[Performance]:
    """The campaigns of the timeline, newest first."""
    since = midnight - timedelta(days=WEEK - 1)
    return [one for one in found if one.campaign.started_at and one.campaign.started_at >= since]


def steps(workspace: HasId) -> Steps:
    """How far a new workspace is."""
    mine = Campaign.workspace_id == workspace.id
    row = db.session.execute(
        select(
            exists().where(Sender.workspace_id == workspace.id),
            exists().where(Recipient.workspace_id == workspace.id),
            exists().where(mine),
            exists().where(mine, Campaign.started_at.is_not(None)),
        )
    ).one()
    return Steps(*row)


def _light(workspace: HasId) -> Select[Campaign]:
    """Campaigns without their texts, which are long and not shown here."""
    return owned_by(workspace, Campaign).options(_WITHOUT_TEXTS)


def _sending(moving: Sequence[Moving], counts: dict[int, Counts]) -> Sending:
    active = [counts[one.id] for one in moving if one.status == CampaignStatus.SENDING]
    return Sending(len(active), sum(one.done for one in active), sum(one.total for one in active))


def _past(workspace: HasId, midnight: datetime) -> dict[str, float]:
    """What batches did that ended some seconds ago, and what was opened before today."""
    key = f"dashboard:past:{workspace.id}:{midnight.timestamp():.0f}"
    return kept(
        key,
        live_counts.KEPT_SECONDS,
        lambda: {
            **live_counts.ended_since(workspace, midnight),
            "opened_before": _opened_before(workspace, midnight),
        },
    )


def _opened_before(workspace: HasId, midnight: datetime) -> int:
    values = {"workspace": workspace.id, "midnight": midnight}
    key = f"dashboard:opened:{workspace.id}:{midnight.timestamp():.0f}"
    return kept(key, KEPT_PAST, lambda: int(db.session.scalar(_OPENED_BEFORE, values) or 0))


def _engagement(workspace: HasId, *, since: datetime) -> dict[str, list[int]]:
    rows = db.session.execute(_BY_OPENS, {"workspace": workspace.id, "since": since})
    return {str(row.id): [int(row.opened), int(row.clicked)] for row in rows}


def _day(found: Sequence[Performance], date: datetime) -> Day:
    following = date + timedelta(days=1)
    of_day = [
        one
        for one in found
        if one.campaign.started_at and date <= one.campaign.started_at < following
    ]
    sent = sum(one.counts.sent for one in of_day)
    opened = sum(one.opened for one in of_day)
    return Day(date, sent, shares.percent(opened, sent) if sent else None)
