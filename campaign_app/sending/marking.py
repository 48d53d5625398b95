"""Marking batches `dispatched`: how much a sender may take next, by turns among its campaigns."""

from __future__ import annotations

from sqlalchemy import text

from campaign_app.extensions import db

MARK_LOCK = 7_203_313
"""The class of the advisory locks by which one drain at a time refills its sender."""

_LOCK = text("SELECT pg_advisory_xact_lock(:class, CAST(:sender AS int))")
# Per sender: twice what it did in its last ten seconds, at least one per connection; among its
# campaigns by turns, so that a small one does not queue behind a large one.
_MARK = text(
    """
    WITH awake AS (
        SELECT s.id AS sender_id, s.workspace_id, s.max_connections,
               array_agg(c.id) AS campaign_ids
        FROM campaigns c JOIN senders s ON s.id = c.sender_id AND s.state = 'active'
        WHERE c.status = 'sending' AND c.planned_at IS NOT NULL
          AND NOT EXISTS (  -- its pace lets nothing leave before then
              SELECT 1 FROM batches h WHERE h.sender_id = s.id AND h.state = 'pending'
                AND h.not_before > now() AND h.campaign_id = c.id)
          AND s.id = COALESCE(CAST(:sender AS bigint), s.id)
        GROUP BY s.id
    ), allowed AS (
        SELECT awake.*, GREATEST(max_connections, 2 * (
                   SELECT count(*) FROM batches d
                   WHERE d.workspace_id = awake.workspace_id AND d.sender_id = awake.sender_id
                     AND d.finished_at > now() - interval '10 seconds'))
               - (SELECT count(*) FROM batches q
                  WHERE q.sender_id = awake.sender_id AND q.state = 'dispatched') AS room
        FROM awake
    ), chosen AS (
        SELECT next.id FROM allowed
        CROSS JOIN LATERAL (
            SELECT b.id FROM unnest(allowed.campaign_ids) AS wanted(campaign_id)
            CROSS JOIN LATERAL (
                SELECT p.id, row_number() OVER (ORDER BY p.not_before, p.id) AS turn
                FROM (SELECT id, not_before FROM batches
                      WHERE sender_id = allowed.sender_id AND state = 'pending'
                        AND not_before <= now() AND campaign_id = wanted.campaign_id
                      ORDER BY not_before, id LIMIT GREATEST(allowed.room, 0)) AS p) AS b
            ORDER BY b.turn, b.id LIMIT GREATEST(allowed.room, 0)) AS next
    )
    UPDATE batches SET state = 'dispatched'
    WHERE id = ANY(ARRAY(SELECT id FROM chosen))  -- an IN reads the whole table of old batches
      AND state = 'pending'
    """
)


def mark(sender_id: int | None = None) -> None:
    """Mark what every sender, or this one, may take next; the caller commits."""
    db.session.execute(_MARK, {"sender": sender_id})


def refill(sender_id: int) -> None:
    """Mark for a drain that found nothing: a whole round's wait would idle its connection.

    Drains of one sender take turns, so that the second sees what the first has marked. The caller
    commits.
    """
    db.session.execute(_LOCK, {"class": MARK_LOCK, "sender": sender_id % 2**31})
    mark(sender_id)
