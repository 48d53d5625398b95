"""The dispatcher's round: every ten seconds, and at once when somebody presses Send.

Each step commits by itself and wins its rows, so two rounds at once, or none for a while, do no
harm. The round says whom to ring; ringing is the task's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select, text

from campaign_app.extensions import db
from campaign_app.lib import clock, logs
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.sending import ending, late_journals, marking, recover, retries, slots, troubles
from campaign_app.sending.sharing import Demand, Shares, divide
from campaign_app.services import campaigns

log = logs.get(__name__)

# What may not be sent now leaves the way free for what may.
_WITHDRAW = text(
    """
    UPDATE batches b SET state = 'pending'
    FROM campaigns c, senders s
    WHERE c.id = b.campaign_id AND s.id = b.sender_id AND b.state = 'dispatched'
      AND b.sender_id IN (SELECT sender_id FROM campaigns
                          WHERE status IN ('scheduled', 'sending', 'paused', 'cancelled')
                            AND final_counts IS NULL)
      AND (c.status <> 'sending' OR s.state <> 'active')
    """
)
# E-mails with a delay between them go one by one: a second connection steps in when one hangs.
_BELLS = text(
    """
    SELECT s.id AS sender_id, s.workspace_id,
           LEAST((SELECT count(*) FROM batches b WHERE b.sender_id = s.id
                  AND b.state = 'dispatched'),
                 LEAST(s.max_connections,
                       CASE WHEN s.delay_seconds >= 1 THEN 2 END) - busy.slots) AS wanted,
           busy.slots AS busy
    FROM senders s
    CROSS JOIN LATERAL (
        SELECT count(*) AS slots FROM sender_slots t
        WHERE t.sender_id = s.id AND t.slot >= 0 AND t.lease_until > now()) AS busy
    WHERE s.state = 'active' AND s.id IN (SELECT sender_id FROM campaigns WHERE status = 'sending')
    ORDER BY s.id
    """
)


@dataclass(slots=True)
class Round:
    """What a round found to be done next.

    `to_retry`: campaigns whose failed messages are still to be made pending.
    """

    to_plan: list[int] = field(default_factory=list)
    to_retry: list[int] = field(default_factory=list)
    shares: Shares = field(default_factory=Shares)

    @property
    def bells(self) -> list[int]:
        """Drains to ring, by sender, in the order to ring them."""
        return self.shares.bells


def go_round(*, journals: Path, capacity: int) -> Round:
    """One round. `capacity` is how many drains can run at once, over all workers."""
    steps: tuple[Callable[[], object], ...] = (
        lambda: campaigns.start_due(clock.now()),
        lambda: recover.take_back(journals),
        slots.take_back,
        lambda: late_journals.settle(journals),
        lambda: recover.tidy(journals),
        retries.make_ready,
        lambda: db.session.execute(_WITHDRAW),
        troubles.wake,
        marking.mark,
        ending.settle,
    )
    for step in steps:
        _take(step)
    unplanned = _unplanned()
    shares = _shares(capacity, planning=list(unplanned.values()))
    return Round(list(unplanned), _retried(), shares)


def _take(step: Callable[[], object]) -> None:
    """One step and its commit; what fails in it must not stop everybody else's campaigns."""
    try:
        step()
        db.session.commit()
    except Exception:  # the next round tries again; without a database, so does every step
        db.session.rollback()
        log.exception("a step of the round failed")


def _unplanned() -> dict[int, int]:
    """The workspace of each campaign that is to be planned, by its id."""
    rows = db.session.execute(
        select(Campaign.id, Campaign.workspace_id)
        .where(Campaign.status == CampaignStatus.SENDING, Campaign.planned_at.is_(None))
        .execution_options(all_workspaces=True)  # the dispatcher serves every workspace
    )
    return {row.id: row.workspace_id for row in rows}


def _retried() -> list[int]:
    awake = (CampaignStatus.SENDING, CampaignStatus.PAUSED, CampaignStatus.CANCELLED)
    return list(
        db.session.scalars(
            select(Campaign.id)
            .where(Campaign.status.in_(awake), Campaign.retry_through.is_not(None))
            .execution_options(all_workspaces=True)  # the dispatcher serves every workspace
        )
    )


def _shares(capacity: int, *, planning: list[int]) -> Shares:
    rows = db.session.execute(_BELLS).all()
    db.session.rollback()
    demands = [Demand(r.sender_id, r.workspace_id, max(0, r.wanted), r.busy) for r in rows]
    return divide(demands, capacity, planning=planning)
