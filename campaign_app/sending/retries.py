"""Deferred messages whose time has come go into new batches."""

from __future__ import annotations

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.services import regroup

AT_ONCE = 10_000

_DUE = text(
    """
    SELECT m.id FROM messages m JOIN campaigns c ON c.id = m.campaign_id AND c.status = 'sending'
    WHERE m.next_attempt_at <= now() AND m.status = 'deferred'
      AND m.campaign_id = COALESCE(CAST(:campaign AS bigint), m.campaign_id)
    ORDER BY m.next_attempt_at LIMIT :most FOR UPDATE OF m SKIP LOCKED
    """
)


def make_ready(*, campaign_id: int | None = None) -> int:
    """Move up to AT_ONCE of them, of all or of one campaign; gives how many. The caller commits."""
    values = {"campaign": campaign_id, "most": AT_ONCE}
    return regroup.into_new_batches(db.session.scalars(_DUE, values).all())
