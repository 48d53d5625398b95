"""Planning: the audience, frozen into one message per recipient, in batches of fifty.

One transaction and three statements, whatever the size: an audience table, its batches, its
messages. A crash leaves nothing behind, and the next tick plans again.
"""

from __future__ import annotations

from psycopg2.errors import SerializationFailure
from sqlalchemy import column, insert, select, table, text
from sqlalchemy.exc import OperationalError

from campaign_app.extensions import db
from campaign_app.lib import logs
from campaign_app.models.campaigns import LIVE, Campaign, Link
from campaign_app.sending.compose import links_in
from campaign_app.sending.troubles import Ref
from campaign_app.services import audience
from campaign_app.services.regroup import BATCH_SIZE

log = logs.get(__name__)

PLAN_LOCK = 7_203_312
"""The class of the advisory locks by which one planner at a time has a campaign."""

_LOCK = text("SELECT pg_try_advisory_xact_lock(:class, CAST(:campaign AS int))")
_AUDIENCE = text(
    "CREATE TEMPORARY TABLE audience (recipient_id bigint, address text) ON COMMIT DROP"
)
_BATCHES = text(
    """
    INSERT INTO batches (workspace_id, campaign_id, sender_id, size)
    SELECT :workspace, :campaign, :sender, LEAST(:size, :total - n * :size)
    FROM generate_series(0, (:total - 1) / :size) AS n
    """
)
_MESSAGES = text(
    """
    INSERT INTO messages (workspace_id, campaign_id, recipient_id, batch_id, address)
    SELECT c.workspace_id, c.id, a.recipient_id, b.id, a.address
    FROM campaigns c,
         (SELECT recipient_id, address, (row_number() OVER () - 1) / :size AS n
          FROM audience) AS a
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n
          FROM batches WHERE campaign_id = :campaign) AS b USING (n)
    WHERE c.id = :campaign
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
    # One snapshot for all statements, so that the numbers left out and the messages add up.
    db.session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    total = None
    try:
        total = _plan_locked(campaign_id)
        if total is not None:
            db.session.commit()
            log.info("campaign planned", campaign=campaign_id, messages=total)
    except OperationalError as error:
        if not isinstance(error.orig, SerializationFailure):
            raise
        total = None
    finally:
        db.session.rollback()
    return total


def _plan_locked(campaign_id: int) -> int | None:
    lock = {"class": PLAN_LOCK, "campaign": campaign_id % 2**31}
    campaign = _unplanned(campaign_id) if db.session.scalar(_LOCK, lock) else None
    return _fill(campaign) if campaign else None


def _unplanned(campaign_id: int) -> Campaign | None:
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
    left_out = audience.preview(workspace, campaign)
    total = _freeze_audience(workspace, campaign)
    _number_links(campaign)
    if total:
        shape = {"size": BATCH_SIZE, "workspace": workspace.id, "campaign": campaign.id}
        db.session.execute(_BATCHES, shape | {"total": total, "sender": campaign.sender_id})
        db.session.execute(_MESSAGES, shape)
    # Last, so that the campaign's row is locked for a moment only and a pause never waits for us.
    won = db.session.scalar(
        _PLANNED,
        {
            "campaign": campaign.id,
            "total": total,
            "duplicate": left_out.duplicates,
            "unsubscribed": left_out.unsubscribed,
            "suppressed": left_out.suppressed,
            "excluded": left_out.excluded,
            "spellings": left_out.spellings,
        },
    )
    return None if won is None else total


def _freeze_audience(workspace: Ref, campaign: Campaign) -> int:
    """Copy the audience into a table of this transaction; gives its size."""
    db.session.execute(_AUDIENCE)
    frozen = table("audience", column("recipient_id"), column("address"))
    members = audience.members(workspace, campaign)
    copy = insert(frozen).from_select(["recipient_id", "address"], members)
    total = db.session.connection().execute(copy).rowcount
    db.session.execute(text("ANALYZE audience"))
    return total


def _number_links(campaign: Campaign) -> None:
    whose = {"workspace_id": campaign.workspace_id, "campaign_id": campaign.id}
    for number, url in enumerate(links_in(campaign.html), start=1):
        db.session.add(Link(**whose, number=number, url=url))
    db.session.flush()
