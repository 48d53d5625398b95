"""Planning: the audience, frozen into one message per recipient, in batches of fifty.

One transaction and three statements, whatever the size: an audience table, its batches, its
messages. A crash leaves nothing behind, and the next tick plans again.
"""

from __future__ import annotations

from sqlalchemy import select, text

from campaign_app.extensions import db
from campaign_app.models.campaigns import Campaign, CampaignStatus, Link
from campaign_app.sending.compose import links_in
from campaign_app.services.regroup import BATCH_SIZE

PLAN_LOCK = 7_203_312
"""The class of the advisory locks by which one planner at a time has a campaign."""

_LOCK = text("SELECT pg_try_advisory_xact_lock(:class, CAST(:campaign AS int))")
_AUDIENCE = text(
    """
    CREATE TEMPORARY TABLE audience ON COMMIT DROP AS
    SELECT r.id AS recipient_id, r.email AS address, chosen.times,
           r.status IN ('unsubscribed', 'complained') AS opted_out,
           r.status = 'bounced' OR s.id IS NOT NULL AS suppressed
    FROM (
        SELECT gm.recipient_id, count(*) AS times FROM group_members gm
        WHERE gm.workspace_id = :workspace AND gm.group_id IN (
            SELECT group_id FROM campaign_groups
            WHERE workspace_id = :workspace AND campaign_id = :campaign
            UNION SELECT own_group_id FROM campaigns
            WHERE workspace_id = :workspace AND id = :campaign AND own_group_id IS NOT NULL)
        GROUP BY gm.recipient_id) AS chosen
    JOIN recipients r ON r.id = chosen.recipient_id AND r.workspace_id = :workspace
    LEFT JOIN suppressions s ON s.workspace_id = :workspace AND s.email = r.email
    """
)
_SUMS = text(
    """
    SELECT COALESCE(sum(times - 1), 0) AS duplicate,
           count(*) FILTER (WHERE opted_out) AS unsubscribed,
           count(*) FILTER (WHERE suppressed AND NOT opted_out) AS suppressed,
           count(*) FILTER (WHERE NOT opted_out AND NOT suppressed) AS total
    FROM audience
    """
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
          FROM audience WHERE NOT opted_out AND NOT suppressed) AS a
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n
          FROM batches WHERE campaign_id = :campaign) AS b USING (n)
    WHERE c.id = :campaign
    """
)
_PLANNED = text(
    """
    UPDATE campaigns
    SET planned_at = now(), total = :total, left_out_duplicate = :duplicate,
        left_out_unsubscribed = :unsubscribed, left_out_suppressed = :suppressed
    WHERE id = :campaign AND planned_at IS NULL AND status IN ('sending', 'paused')
    RETURNING id
    """
)


def plan(campaign_id: int) -> int | None:
    """Plan a started campaign and commit; gives how many messages it has.

    None when there is nothing to plan: it is planned already, another planner has it, or it was
    cancelled meanwhile.
    """
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    if not db.session.scalar(_LOCK, {"class": PLAN_LOCK, "campaign": campaign_id % 2**31}):
        db.session.rollback()
        return None
    campaign = _unplanned(campaign_id)
    if campaign is None:
        db.session.rollback()
        return None
    total = _fill(campaign)
    if total is None:
        db.session.rollback()
        return None
    db.session.commit()
    return total


def _unplanned(campaign_id: int) -> Campaign | None:
    return db.session.scalars(
        select(Campaign)
        .where(
            Campaign.id == campaign_id,
            Campaign.planned_at.is_(None),
            Campaign.status.in_((CampaignStatus.SENDING, CampaignStatus.PAUSED)),
        )
        .execution_options(all_workspaces=True)  # the planner serves every workspace
    ).one_or_none()


def _fill(campaign: Campaign) -> int | None:
    whose = {"workspace": campaign.workspace_id, "campaign": campaign.id}
    _number_links(campaign)
    db.session.execute(_AUDIENCE, whose)
    db.session.execute(text("ANALYZE audience"))
    sums = dict(db.session.execute(_SUMS).one()._mapping)  # noqa: SLF001  the documented name
    if sums["total"]:
        shape = whose | {"size": BATCH_SIZE, "total": sums["total"], "sender": campaign.sender_id}
        db.session.execute(_BATCHES, shape)
        db.session.execute(_MESSAGES, whose | {"size": BATCH_SIZE})
    # Last, so that the campaign's row is locked for a moment only and a pause never waits for us.
    won = db.session.scalar(_PLANNED, {"campaign": campaign.id, **sums})
    return None if won is None else int(sums["total"])


def _number_links(campaign: Campaign) -> None:
    for number, url in enumerate(links_in(campaign.html), start=1):
        db.session.add(
            Link(
                workspace_id=campaign.workspace_id,
                campaign_id=campaign.id,
                number=number,
                url=url,
            )
        )
    db.session.flush()
