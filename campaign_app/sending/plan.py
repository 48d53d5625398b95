"""Planning: the audience, frozen into one message per recipient, in batches of fifty.

Two statements, whatever the size: the messages, then their batches. A large campaign's messages are
made by two connections. The plan counts from one commit on; after a crash before it, the next tick
plans again.
"""

from __future__ import annotations

from psycopg2.errors import (
    DeadlockDetected,
    LockNotAvailable,
    SerializationFailure,
    UniqueViolation,
)
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from campaign_app.extensions import db
from campaign_app.lib import arrays, logs
from campaign_app.models.campaigns import LIVE, Campaign, Link
from campaign_app.sending import estimates, message_halves
from campaign_app.sending.compose import links_in
from campaign_app.sending.message_halves import Half
from campaign_app.sending.troubles import Ref
from campaign_app.services import audience, audience_parts
from campaign_app.services.audience import Audience
from campaign_app.services.regroup import BATCH_SIZE

log = logs.get(__name__)

PLAN_LOCK = 7_203_312
"""The class of the advisory locks by which one planner at a time has a campaign."""

DISTURBED = (DeadlockDetected, LockNotAvailable, SerializationFailure, UniqueViolation)
"""Somebody changed the campaign meanwhile, or what another planner left is still being undone."""
FEWEST = 20_000
"""Messages that are worth a second connection."""

_LOCK = text("SELECT pg_try_advisory_xact_lock(:class, CAST(:campaign AS int))")
_LIMITS = text(
    """
    SELECT set_config('statement_timeout', '0', true),
           set_config('idle_in_transaction_session_timeout', '10min', true)
    """
)
_BATCHES = text(
    """
    INSERT INTO batches (id, workspace_id, campaign_id, sender_id, size)
    SELECT id, :workspace, :campaign, :sender,
           CASE n WHEN :last THEN :total - (n - 1) * :size ELSE :size END
    FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS reserved (id, n)
    WHERE n <= :last ORDER BY n
    """
)
_PLANNED = text(
    """
    UPDATE campaigns
    SET planned_at = now(), total = :total, left_out_duplicate = :duplicate,
        left_out_unsubscribed = :unsubscribed, left_out_suppressed = :suppressed,
        left_out_excluded = :excluded, left_out_spellings = :spellings
    WHERE id = :campaign AND planned_at IS NULL AND status IN ('sending', 'paused')
    RETURNING id
    """
)


def plan(campaign_id: int) -> int | None:
    """Plan a started campaign and commit; gives how many messages it has.

    None when there is nothing to plan: it is planned already, another planner has it, or somebody
    changed it meanwhile, and the next round asks again.
    """
    db.session.rollback()  # whatever was read before belongs to another snapshot
    if not _correct_estimates(campaign_id):
        return None
    # One snapshot for all statements, so that the numbers left out and the messages add up.
    db.session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    db.session.execute(_LIMITS)
    try:
        total = _plan_locked(campaign_id)
    except DBAPIError as error:
        if not isinstance(error.orig, DISTURBED):
            raise
        _tell_of(error.orig, campaign_id)
        total = None
    finally:
        db.session.rollback()
    if total is not None:
        log.info("campaign planned", campaign=campaign_id, messages=total)
    return total


def _tell_of(error: object, campaign_id: int) -> None:
    """A message that is there already may be there the next time, too: somebody must look."""
    say = log.warning if isinstance(error, UniqueViolation) else log.info
    say("planning disturbed", campaign=campaign_id, reason=type(error).__name__)


def _correct_estimates(campaign_id: int) -> bool:
    """In a transaction of its own, so that both connections profit by it; False when there is
    nothing to plan.
    """
    campaign = _unplanned(campaign_id)
    if campaign is not None:
        parts = audience_parts.of(Ref(campaign.workspace_id), campaign)
        estimates.correct(parts, started_at=campaign.started_at)
    db.session.commit()
    return campaign is not None


def _plan_locked(campaign_id: int) -> int | None:
    campaign = _unplanned(campaign_id)
    return _fill(campaign) if campaign else None


def _unplanned(campaign_id: int) -> Campaign | None:
    """The campaign, which nobody else plans during this transaction; None when there is nothing to
    plan.
    """
    lock = {"class": PLAN_LOCK, "campaign": campaign_id % 2**31}
    if not db.session.scalar(_LOCK, lock):
        return None
    return db.session.scalars(
        select(Campaign)
        .where(
            Campaign.id == campaign_id,
            Campaign.planned_at.is_(None),
            Campaign.status.in_(LIVE),
        )
        .execution_options(all_workspaces=True)  # the planner serves every workspace
    ).one_or_none()


def _fill(campaign: Campaign) -> int | None:
    workspace = Ref(campaign.workspace_id)
    parts = audience_parts.of(workspace, campaign)
    left_out = audience.counted(parts)
    _number_links(campaign)
    middle = None
    if not message_halves.forget(campaign.id) and left_out.total >= FEWEST:
        middle = db.session.scalar(parts.middle())
    people = audience.members_of(parts)
    expected = left_out.total
    with message_halves.made(campaign.id, people, expected=expected, middle=middle) as messages:
        for half in messages.halves:
            _make_batches(campaign, half)
        # Last, so that the campaign's row is locked for a moment and a pause never waits for us.
        won = _say_that_it_is_planned(campaign, messages.total, left_out)
        if won:
            messages.commit_second()
            db.session.commit()
    return messages.total if won else None


def _make_batches(campaign: Campaign, half: Half) -> None:
    values = {
        "workspace": campaign.workspace_id,
        "campaign": campaign.id,
        "sender": campaign.sender_id,
        "size": BATCH_SIZE,
        "total": half.total,
        "last": half.batches,
        "ids": arrays.literal(half.batch_ids),
    }
    db.session.execute(_BATCHES, values)


def _say_that_it_is_planned(campaign: Campaign, total: int, left_out: Audience) -> bool:
    """False when it is neither to be sent nor paused any more."""
    values = {
        "campaign": campaign.id,
        "total": total,
        "duplicate": left_out.duplicates,
        "unsubscribed": left_out.unsubscribed,
        "suppressed": left_out.suppressed,
        "excluded": left_out.excluded,
        "spellings": left_out.spellings,
    }
    return db.session.scalar(_PLANNED, values) is not None


def _number_links(campaign: Campaign) -> None:
    whose = {"workspace_id": campaign.workspace_id, "campaign_id": campaign.id}
    for number, url in enumerate(links_in(campaign.html), start=1):
        db.session.add(Link(**whose, number=number, url=url))
    db.session.flush()
