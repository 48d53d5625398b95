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
_BELLS = text(
    """
    SELECT s.id AS sender_id, s.workspace_id,
           LEAST((SELECT count(*) FROM batches b WHERE b.sender_id = s.id
                  AND b.state = 'dispatched'),
                 s.max_connections - busy.slots) AS wanted, busy.slots AS busy
    FROM senders s
    CROSS JOIN LATERAL (
        SELECT count(*) AS slots FROM sender_slots t
        WHERE t.sender_id = s.id AND t.lease_until > now()) AS busy
    WHERE s.state = 'active' AND s.id IN (SELECT sender_id FROM campaigns WHERE status = 'sending')
    ORDER BY s.id
    """
)


@dataclass(slots=True)
class Round:
    """What a round found to be done next.

    `to_retry`: campaigns whose failed messages are still to be made pending. `bells`: drains to
    ring, by sender, in the order to ring them: round robin between workspaces.
    """

    to_plan: list[int] = field(default_factory=list)
    to_retry: list[int] = field(default_factory=list)
    bells: list[int] = field(default_factory=list)


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
    return Round(_unplanned(), _retried(), _bells(capacity))


def _take(step: Callable[[], object]) -> None:
    """One step and its commit; what fails in it must not stop everybody else's campaigns."""
    try:
        step()
        db.session.commit()
    except Exception:  # the next round tries again; without a database, so does every step
        db.session.rollback()
        log.exception("a step of the round failed")


def _unplanned() -> list[int]:
    return list(
        db.session.scalars(
            select(Campaign.id)
            .where(Campaign.status == CampaignStatus.SENDING, Campaign.planned_at.is_(None))
            .execution_options(all_workspaces=True)  # the dispatcher serves every workspace
        )
    )


def _retried() -> list[int]:
    awake = (CampaignStatus.SENDING, CampaignStatus.PAUSED, CampaignStatus.CANCELLED)
    return list(
        db.session.scalars(
            select(Campaign.id)
            .where(Campaign.status.in_(awake), Campaign.retry_through.is_not(None))
            .execution_options(all_workspaces=True)  # the dispatcher serves every workspace
        )
    )


def _bells(capacity: int) -> list[int]:
    rows = db.session.execute(_BELLS).all()
    db.session.rollback()
    queues: dict[int, list[int]] = {}
    busy: dict[int, int] = {}
    for row in rows:
        busy[row.workspace_id] = busy.get(row.workspace_id, 0) + row.busy
        queues.setdefault(row.workspace_id, []).extend([row.sender_id] * max(0, row.wanted))
    return share(queues, busy, capacity)


def share(queues: dict[int, list[int]], busy: dict[int, int], capacity: int) -> list[int]:
    """The doorbells to ring, by turns between workspaces.

    A workspace holds at most a quarter of all drains while others wait; alone, it may have all.
    """
    waiting = {workspace: bells for workspace, bells in queues.items() if bells}
    quarter = max(1, capacity // 4)
    rung: list[int] = []
    for turn in range(capacity):
        for workspace, bells in waiting.items():
            crowded = len(waiting) > 1 and busy.get(workspace, 0) + turn >= quarter
            if turn < len(bells) and not crowded:
                rung.append(bells[turn])
    return rung
