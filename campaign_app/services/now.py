"""What is happening now in a workspace: one look, cheap enough for every three seconds.

Everything is a sum over batches that are not done, a few rows of the workspace's own, or kept for
some seconds. Nothing counts messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import load_only

from campaign_app.extensions import db
from campaign_app.lib.kept import kept
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import LIVE, Campaign, CampaignStatus
from campaign_app.models.imports import Import
from campaign_app.models.recipients import WaitingAddresses
from campaign_app.models.senders import Sender, SenderState
from campaign_app.services import engagement, imports, live_counts, progress, senders
from campaign_app.services.progress import Counts
from campaign_app.services.senders import Usage

MOST = 20
"""Campaigns, and senders, that are shown: the page answers a question, it is no list."""
READ_SPAN = timedelta(hours=1)
KEPT_RETRIES = 10
SOONEST = 2_000
"""Second tries of all workspaces among which this one's soonest are looked for."""

# Made once: a load_only of a dozen columns takes longer to write than to run.
_WITHOUT_TEXTS = load_only(
    Campaign.name,
    Campaign.workspace_id,
    Campaign.sender_id,
    Campaign.status,
    Campaign.tpm,
    Campaign.started_at,
    Campaign.planned_at,
    Campaign.pause_reason,
    Campaign.paused_by,
    Campaign.retry_through,
    Campaign.scheduled_at,
    Campaign.total,
    Campaign.final_counts,
    Campaign.progress,
    raiseload=True,
)
_QUEUE = text(
    """
    SELECT count(*) FILTER (WHERE state = 'dispatched') AS ready,
           COALESCE(sum(size - sent - deferred - failed - unconfirmed - skipped - cancelled)
                    FILTER (WHERE state = 'dispatched'), 0) AS messages,
           min(not_before) FILTER (WHERE state = 'dispatched') AS oldest,
           COALESCE(sum(opened), 0) AS in_flight
    FROM batches
    WHERE workspace_id = :workspace AND state IN ('dispatched', 'sending')
      AND sender_id = ANY(:senders)
    """
)
_RETRIES = text(
    """
    SELECT extract(epoch FROM min(next_attempt_at))::float AS first,
           count(*) FILTER (WHERE next_attempt_at <= now() + interval '1 minute') AS soon
    FROM (SELECT workspace_id, next_attempt_at FROM messages
          WHERE next_attempt_at IS NOT NULL ORDER BY next_attempt_at LIMIT :most) AS soonest
    WHERE workspace_id = :workspace
    """
)
_SETTLED = text(
    """
    SELECT COALESCE(sum((final_counts->>'unconfirmed')::bigint), 0)
    FROM campaigns WHERE workspace_id = :workspace AND final_counts IS NOT NULL
    """
)
_READERS = text(
    """
    SELECT bucket, sum(opens) AS opens, sum(clicks) AS clicks FROM engagement
    WHERE workspace_id = :workspace AND bucket > :since GROUP BY bucket ORDER BY bucket
    """
)
_CONNECTIONS = text(
    """
    SELECT t.sender_id, count(*) AS in_use FROM sender_slots t
    JOIN senders s ON s.id = t.sender_id
    WHERE s.workspace_id = :workspace AND t.lease_until > now() GROUP BY t.sender_id
    """
)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A campaign that is sending or paused. `rate` is a minute's, `eta` in seconds."""

    campaign: Campaign
    counts: Counts
    rate: float
    eta: int | None
    waiting: str

    @property
    def percent(self) -> float:
        """How far it is, 0 to 100."""
        return round(100 * self.counts.done / self.counts.total, 1) if self.counts.total else 0.0


@dataclass(frozen=True, slots=True)
class AtWork:
    """A sender, how many of its connections are open, and what counts against its caps."""

    sender: Sender
    connections: int
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Queue:
    """What the dispatcher has given free, what is being handed over, and what waits for its time.

    `ready` counts batches, the others messages.
    """

    ready: int
    messages: int
    oldest: datetime | None
    in_flight: int
    retries: int
    retries_soon: int
    next_retry: float | None
    """Seconds since the epoch; None when it is not among the next of everybody's."""
    unconfirmed: int


@dataclass(frozen=True, slots=True)
class Readers:
    """Opens and clicks of the last hour in steps of five minutes, the oldest first."""

    opens: list[int]
    clicks: list[int]

    def lately(self, values: Sequence[int]) -> int:
        """Those of the last fifteen minutes, about."""
        return sum(values[-3:])


@dataclass(frozen=True, slots=True)
class Background:
    """Long work that is not sending: imports, and chunks of addresses that wait for a group."""

    imports: Sequence[Import]
    waiting_chunks: int


@dataclass(frozen=True, slots=True)
class Now:
    """All of it. `upcoming` is the next campaign that will start by itself."""

    campaigns: Sequence[UnderWay]
    senders: Sequence[AtWork]
    idle_senders: int
    queue: Queue
    readers: Readers
    background: Background
    upcoming: Campaign | None

    @property
    def is_idle(self) -> bool:
        """True while nothing is sent and nothing waits to be."""
        return not self.campaigns


def look(workspace: HasId, *, now: datetime) -> Now:
    """The workspace at this moment."""
    accounts = {one.id: one for one in senders.every(workspace)}
    campaigns = _under_way(workspace, accounts)
    at_work = _at_work(workspace, accounts, campaigns)
    return Now(
        campaigns=campaigns,
        senders=at_work,
        idle_senders=len(accounts) - len(at_work),
        queue=_queue(workspace, list(accounts), [one.counts for one in campaigns]),
        readers=_readers(workspace, now),
        background=_background(workspace),
        upcoming=_upcoming(workspace),
    )


def _under_way(workspace: HasId, accounts: dict[int, Sender]) -> list[UnderWay]:
    found = db.session.scalars(
        owned_by(workspace, Campaign)
        .where(Campaign.status.in_(LIVE))
        .options(_WITHOUT_TEXTS)
        .order_by((Campaign.status == CampaignStatus.PAUSED), Campaign.started_at.desc())
        .limit(MOST)
    ).all()
    counts = live_counts.of(workspace, found)
    return [_one(workspace, one, counts[one.id], accounts) for one in found]


def _one(
    workspace: HasId, campaign: Campaign, counts: Counts, accounts: dict[int, Sender]
) -> UnderWay:
    sender = accounts.get(campaign.sender_id or 0)
    return UnderWay(
        campaign=campaign,
        counts=counts,
        rate=progress.rate_per_minute(campaign, counts.done),
        eta=progress.eta_seconds(campaign, counts),
        waiting=progress.waiting_for(workspace, campaign, counts, sender=sender),
    )


def _at_work(
    workspace: HasId, accounts: dict[int, Sender], campaigns: Sequence[UnderWay]
) -> list[AtWork]:
    """Senders that are in use or in trouble, those in trouble first."""
    rows = db.session.execute(_CONNECTIONS, {"workspace": workspace.id})
    in_use: dict[int, int] = {row.sender_id: row.in_use for row in rows}
    wanted = {one.campaign.sender_id for one in campaigns} | in_use.keys()
    shown = [
        one
        for one in accounts.values()
        if one.id in wanted or one.state != SenderState.ACTIVE or one.brake_rate is not None
    ]
    shown.sort(key=lambda one: (one.state == SenderState.ACTIVE, one.name.lower()))
    return [AtWork(one, in_use.get(one.id, 0), _usage(one)) for one in shown[:MOST]]


def _usage(sender: Sender) -> Usage | None:
    has_caps = sender.per_minute or sender.per_hour or sender.per_day
    return senders.usage(sender) if has_caps else None


def _queue(workspace: HasId, sender_ids: list[int], counts: Sequence[Counts]) -> Queue:
    whose = {"workspace": workspace.id}
    row = db.session.execute(_QUEUE, whose | {"senders": sender_ids}).one()
    retries = sum(one.deferred for one in counts)
    first, soon = _retries(workspace) if retries else (None, 0)
    return Queue(
        ready=row.ready,
        messages=int(row.messages),
        oldest=row.oldest,
        in_flight=int(row.in_flight),
        retries=retries,
        retries_soon=min(soon, retries),
        next_retry=first,
        unconfirmed=sum(one.unconfirmed for one in counts)
        + int(db.session.scalar(_SETTLED, whose) or 0),
    )


def _retries(workspace: HasId) -> tuple[float | None, int]:
    """When the first second try is due, and how many are within a minute."""

    def ask() -> list[float | None]:
        values = {"workspace": workspace.id, "most": SOONEST}
        row = db.session.execute(_RETRIES, values).one()
        return [row.first, row.soon]

    first, soon = kept(f"now:retries:{workspace.id}", KEPT_RETRIES, ask)
    return first, int(soon or 0)


def _readers(workspace: HasId, now: datetime) -> Readers:
    step = engagement.BUCKET
    last = datetime.fromtimestamp(
        now.timestamp() // step.total_seconds() * step.total_seconds(), tz=now.tzinfo
    )
    values = {"workspace": workspace.id, "since": last - READ_SPAN}
    found = {row.bucket: row for row in db.session.execute(_READERS, values)}
    steps = [last - step * back for back in range(int(READ_SPAN / step) - 1, -1, -1)]
    return Readers(
        opens=[int(found[at].opens) if at in found else 0 for at in steps],
        clicks=[int(found[at].clicks) if at in found else 0 for at in steps],
    )


def _background(workspace: HasId) -> Background:
    running = owned_by(workspace, Import).where(Import.state.in_(imports.ACTIVE))
    chunks = select(func.count()).where(WaitingAddresses.workspace_id == workspace.id)
    return Background(
        imports=db.session.scalars(running.order_by(Import.id).limit(MOST)).all(),
        waiting_chunks=db.session.scalar(chunks) or 0,
    )


def _upcoming(workspace: HasId) -> Campaign | None:
    return db.session.scalars(
        owned_by(workspace, Campaign)
        .where(Campaign.status == CampaignStatus.SCHEDULED)
        .options(_WITHOUT_TEXTS)
        .order_by(Campaign.scheduled_at)
        .limit(1)
    ).first()
