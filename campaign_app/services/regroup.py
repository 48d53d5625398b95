"""Moving messages that shall be tried again into new batches of fifty.

The old batches' counts shrink by what leaves them, so that the sums over a campaign's batches
always add up to its audience.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from campaign_app.extensions import db

BATCH_SIZE = 50

# In the order in which drains count them, so that neither waits for the other for ever.
_LOCK = text(
    """
    SELECT id FROM batches WHERE id IN (SELECT batch_id FROM messages WHERE id = ANY(:ids))
    ORDER BY id FOR UPDATE
    """
)
_MOVE = text(
    """
    WITH moving AS (
        SELECT m.id, m.batch_id, m.campaign_id, m.workspace_id, m.status, b.sender_id,
               (row_number() OVER (PARTITION BY m.campaign_id ORDER BY m.id) - 1) / :size AS n
        FROM messages m JOIN batches b ON b.id = m.batch_id
        WHERE m.id = ANY(:ids)
    ), made AS (
        INSERT INTO batches (workspace_id, campaign_id, sender_id, size)
        SELECT workspace_id, campaign_id, sender_id, count(*)
        FROM moving GROUP BY workspace_id, campaign_id, sender_id, n
        ORDER BY campaign_id, sender_id, n
        RETURNING id, campaign_id, sender_id, size
    ), numbered AS (
        SELECT id, campaign_id,
               row_number() OVER (PARTITION BY campaign_id ORDER BY id) - 1 AS n FROM made
    ), moved AS (
        UPDATE messages m
        SET batch_id = numbered.id, status = 'pending', next_attempt_at = NULL,
            attempts = CASE WHEN :afresh THEN 0 ELSE m.attempts - :uncounted END,
            breaks = CASE WHEN :afresh THEN 0 ELSE m.breaks END
        FROM moving JOIN numbered USING (campaign_id, n)
        WHERE m.id = moving.id
        RETURNING 1
    ), shrunk AS (
        UPDATE batches b
        SET size = b.size - left_by.total, deferred = b.deferred - left_by.deferred,
            failed = b.failed - left_by.failed, unconfirmed = b.unconfirmed - left_by.unconfirmed
        FROM (
            SELECT batch_id, count(*) AS total,
                   count(*) FILTER (WHERE status = 'deferred') AS deferred,
                   count(*) FILTER (WHERE status = 'failed') AS failed,
                   count(*) FILTER (WHERE status = 'unconfirmed') AS unconfirmed
            FROM moving GROUP BY batch_id) AS left_by
        WHERE b.id = left_by.batch_id
        RETURNING 1
    )
    SELECT count(*) FROM moved, (SELECT count(*) FROM shrunk) AS done
    """
)


def into_new_batches(
    message_ids: Sequence[int], *, afresh: bool = False, uncounted: bool = False
) -> int:
    """Move these locked messages (deferred, failed or unconfirmed) and make them pending.

    `afresh` forgets their attempts, so that every tier is before them again; `uncounted` only the
    last. Gives how many were moved; the caller commits.
    """
    if not message_ids:
        return 0
    db.session.execute(_LOCK, {"ids": list(message_ids)})
    values = {
        "ids": list(message_ids),
        "size": BATCH_SIZE,
        "afresh": afresh,
        "uncounted": int(uncounted),
    }
    return int(db.session.scalar(_MOVE, values) or 0)
