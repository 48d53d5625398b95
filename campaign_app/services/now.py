"""What is happening now in a workspace: one look, cheap enough for every three seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import load_only

from campaign_app.extensions import db
from campaign_app.lib import shares
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.campaigns import LIVE, Campaign, CampaignStatus
from campaign_app.models.imports import Import
from campaign_app.models.senders import Sender, SenderState
from campaign_app.services import (
    imports,
    live_counts,
    progress,
    recipient_bulk,
    senders,
    workload,
)
from campaign_app.services.progress import Counts
from campaign_app.services.workload import Account, Queue, Sums

MOST = 20
"""Campaigns, and senders, that are shown: the page answers a question, it is no list."""

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
    Campaign.total,
    Campaign.final_counts,
    Campaign.progress,
    raiseload=True,
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
        return shares.percent(self.counts.done, self.counts.total)


@dataclass(frozen=True, slots=True)
class AtWork:
    """A sender and what it is doing."""

    sender: Sender
    account: Account


@dataclass(frozen=True, slots=True)
class Now:
    """All of it. `idle_senders` are in no use and in no trouble; `jobs` are other long work."""

    campaigns: Sequence[UnderWay]
    senders: Sequence[AtWork]
    idle_senders: int
    queue: Queue
    sums: Sums
    imports: Sequence[Import]
    jobs: Sequence[str]

    @property
    def is_idle(self) -> bool:
        """True while nothing is sent and nothing waits to be."""
        return not self.campaigns

    @property
    def unconfirmed(self) -> int:
        """Messages that wait for a person's decision, in old campaigns as well."""
        return self.sums.unconfirmed + sum(one.counts.unconfirmed for one in self.campaigns)


def look(workspace: HasId, *, now: datetime) -> Now:
    """The workspace at this moment."""
    every = {one.id: one for one in senders.every(workspace)}
    campaigns = _under_way(workspace, every)
    at_work = _at_work(every, campaigns, workload.accounts(workspace))
    sums = workload.sums(workspace, now=now)
    return Now(
        campaigns=campaigns,
        senders=at_work[:MOST],
        idle_senders=len(every) - len(at_work),
        queue=workload.queue(workspace, list(every), [one.counts for one in campaigns]),
        sums=sums,
        imports=_imports(workspace) if sums.imports else [],
        jobs=recipient_bulk.at_work(workspace),
    )


def upcoming(workspace: HasId, found: Now) -> Campaign | None:
    """The next campaign that starts by itself."""
    next_id = found.sums.upcoming_id
    return None if next_id is None else get_owned(workspace, Campaign, next_id)


def _under_way(workspace: HasId, every: Mapping[int, Sender]) -> list[UnderWay]:
    found = db.session.scalars(
        owned_by(workspace, Campaign)
        .where(Campaign.status.in_(LIVE))
        .options(_WITHOUT_TEXTS)
        .order_by((Campaign.status == CampaignStatus.PAUSED), Campaign.started_at.desc())
        .limit(MOST)
    ).all()
    counts = live_counts.of(workspace, found)
    return [_one(workspace, one, counts[one.id], every) for one in found]


def _one(
    workspace: HasId, campaign: Campaign, counts: Counts, every: Mapping[int, Sender]
) -> UnderWay:
    sender = every.get(campaign.sender_id or 0)
    return UnderWay(
        campaign=campaign,
        counts=counts,
        rate=progress.rate_per_minute(campaign, counts.done),
        eta=progress.eta_seconds(campaign, counts),
        waiting=progress.waiting_for(workspace, campaign, counts, sender=sender),
    )


def _at_work(
    every: Mapping[int, Sender], campaigns: Sequence[UnderWay], accounts: Mapping[int, Account]
) -> list[AtWork]:
    """Senders that are in use or in trouble, those in trouble first."""
    in_use = {one.campaign.sender_id for one in campaigns}
    found = [AtWork(one, accounts.get(one.id, Account())) for one in every.values()]
    shown = [
        one
        for one in found
        if one.sender.id in in_use or one.account.connections or _is_in_trouble(one.sender)
    ]
    return sorted(shown, key=lambda one: (not _is_in_trouble(one.sender), one.sender.name.lower()))


def _is_in_trouble(sender: Sender) -> bool:
    return sender.state != SenderState.ACTIVE or sender.brake_rate is not None


def _imports(workspace: HasId) -> Sequence[Import]:
    """Those that a worker has or will have: being checked, imported or undone."""
    at_work = owned_by(workspace, Import).where(Import.state.in_(imports.AT_WORK))
    return db.session.scalars(at_work.order_by(Import.id).limit(MOST)).all()
