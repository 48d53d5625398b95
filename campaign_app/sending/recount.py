"""Counting a campaign's batches anew from its messages, where the two do not agree.

They are only ever changed together, so a disagreement is a mistake of ours or of somebody who wrote
into the tables by hand. It would keep a campaign from ever being complete.
"""

from __future__ import annotations

from time import monotonic

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign

AT_ONCE = 1_000
"""Batches looked at in one statement."""
LONGEST_SECONDS = 20.0
"""After which the rest is left unlooked at: somebody waits for the answer."""

_STATUSES = ("sent", "deferred", "failed", "unconfirmed", "skipped", "cancelled")
_COUNTED = ", ".join(
    f"count(*) FILTER (WHERE m.status = '{status}') AS {status}" for status in _STATUSES
)
_DIFFERS = " OR ".join(f"b.{status} <> c.{status}" for status in _STATUSES)
_LEFT = "count(*) FILTER (WHERE m.status = 'pending') AS left_to_send"
_TIMELESS = "count(*) FILTER (WHERE m.status = 'deferred' AND m.next_attempt_at IS NULL)"

# One statement sees messages and batches at the same moment, also while they are being sent.
_FIND = text(
    f"""
    WITH looked_at AS MATERIALIZED (
        SELECT * FROM batches
        WHERE workspace_id = :workspace AND campaign_id = :campaign AND id > :after
        ORDER BY id LIMIT :most
    )
    SELECT max(b.id) AS last, count(*) AS batches,
           COALESCE(array_agg(b.id ORDER BY b.id) FILTER (
               WHERE b.size <> c.size OR {_DIFFERS} OR c.timeless > 0
                  OR (b.state = 'done' AND c.left_to_send > 0)
                  OR (b.state IN ('pending', 'dispatched') AND c.left_to_send = 0)
                  OR (b.state <> 'sending' AND (b.opened > 0 OR b.opened_through IS NOT NULL))),
           '{{}}') AS wrong
    FROM looked_at b CROSS JOIN LATERAL (
        SELECT count(*) AS size, {_COUNTED}, {_LEFT}, {_TIMELESS} AS timeless
        FROM messages m WHERE m.batch_id = b.id) c
    """  # noqa: S608  the parts are constants
)
_LOCK = text(
    "SELECT id FROM batches WHERE workspace_id = :workspace AND id = ANY(:ids)"
    " ORDER BY id FOR UPDATE"
)
_GIVE_TIME = text(
    """
    UPDATE messages SET next_attempt_at = now()
    WHERE workspace_id = :workspace AND batch_id = ANY(:ids)
      AND status = 'deferred' AND next_attempt_at IS NULL
    """
)
# A batch in somebody's hands keeps its state and its window; its holder ends it.
_REPAIR = text(
    f"""
    UPDATE batches b
    SET size = c.size, {", ".join(f"{status} = c.{status}" for status in _STATUSES)},
        opened = CASE WHEN b.state = 'sending' THEN b.opened ELSE 0 END,
        opened_through = CASE WHEN b.state = 'sending' THEN b.opened_through END,
        finished_at = CASE WHEN b.state = 'sending' OR c.left_to_send > 0 THEN NULL
                           ELSE COALESCE(b.finished_at, now()) END,
        not_before = CASE WHEN b.state = 'done' THEN now() ELSE b.not_before END,
        state = CASE WHEN b.state = 'sending' THEN 'sending'
                     WHEN c.left_to_send = 0 THEN 'done'
                     WHEN b.state = 'done' THEN 'pending' ELSE b.state END
    FROM unnest(CAST(:ids AS bigint[])) AS these(id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS size, {_COUNTED}, {_LEFT}
        FROM messages m WHERE m.batch_id = these.id) c
    WHERE b.id = these.id AND b.workspace_id = :workspace
    """  # noqa: S608  the parts are constants
)
_HELD = text(
    "SELECT COALESCE(sum(size), 0) FROM batches"
    " WHERE workspace_id = :workspace AND campaign_id = :campaign"
)


def repair(workspace: HasId, campaign: Campaign) -> tuple[int, int]:
    """Look at every batch; gives how many were looked at and how many were wrong.

    Some at a time, each time committed, so that no lock is held for long.
    """
    until = monotonic() + LONGEST_SECONDS
    looked_at = wrong = 0
    after: int | None = 0
    while after is not None and monotonic() < until:
        values = {"workspace": workspace.id, "campaign": campaign.id}
        found = db.session.execute(_FIND, values | {"after": after, "most": AT_ONCE}).one()
        if found.wrong:
            _repair(workspace, found.wrong)
        db.session.commit()
        looked_at, wrong = looked_at + found.batches, wrong + len(found.wrong)
        after = found.last
    return looked_at, wrong


def missing(workspace: HasId, campaign: Campaign) -> int:
    """Messages of the frozen audience that are in no batch; 0, or nothing adds up."""
    values = {"workspace": workspace.id, "campaign": campaign.id}
    return campaign.total - int(db.session.scalar(_HELD, values) or 0)


def _repair(workspace: HasId, batch_ids: list[int]) -> None:
    values = {"workspace": workspace.id, "ids": batch_ids}
    db.session.execute(_LOCK, values)
    db.session.execute(_GIVE_TIME, values)
    db.session.execute(_REPAIR, values)
