"""A workspace's load in numbers: what is given free, what leaves, what waits, what readers do.

Asked for every three seconds, so it is written by hand and in three statements. They read batches
that are under way, a few rows of the workspace's own, and the soonest second tries of everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.kept import kept
from campaign_app.lib.tenancy import HasId
from campaign_app.services.progress import Counts

LATELY = timedelta(minutes=15)
KEPT_RETRIES = 10
SOONEST = 2_000
"""Second tries of all workspaces among which this one's soonest are looked for."""

_QUEUE = text(
    """
    SELECT count(*) FILTER (WHERE state = 'dispatched') AS ready,
           COALESCE(sum(size - sent - deferred - failed - unconfirmed - skipped - cancelled)
                    FILTER (WHERE state = 'dispatched'), 0) AS messages,
           min(not_before) FILTER (WHERE state = 'dispatched') AS oldest,
           COALESCE(sum(opened), 0) AS in_flight
    FROM batches
    WHERE workspace_id = :workspace AND state IN ('dispatched', 'sending')
      AND sender_id = ANY(:senders)
    """
)
_SUMS = text(
    """
    SELECT
        (SELECT COALESCE(sum((final_counts->>'unconfirmed')::int), 0)::bigint FROM campaigns
         WHERE workspace_id = :workspace AND final_counts IS NOT NULL) AS unconfirmed,
        (SELECT id FROM campaigns WHERE workspace_id = :workspace AND status = 'scheduled'
         ORDER BY scheduled_at LIMIT 1) AS upcoming_id,
        (SELECT count(*) FROM imports
         WHERE workspace_id = :workspace
           AND state IN ('waiting', 'running', 'checking', 'undoing')) AS imports,
        (SELECT count(*) FROM waiting_addresses WHERE workspace_id = :workspace) AS waiting_chunks,
        (SELECT COALESCE(max(id), 0) FROM audit_log WHERE workspace_id = :workspace) AS last_entry,
        (SELECT COALESCE(sum(opens), 0)::bigint FROM engagement
         WHERE workspace_id = :workspace AND bucket > :since) AS opens,
        (SELECT COALESCE(sum(clicks), 0)::bigint FROM engagement
         WHERE workspace_id = :workspace AND bucket > :since) AS clicks
    """
)
_RETRIES = text(
    """
    SELECT extract(epoch FROM min(next_attempt_at))::float AS first,
           count(*) FILTER (WHERE next_attempt_at <= now() + interval '1 minute') AS soon
    FROM (SELECT workspace_id, next_attempt_at FROM messages
          WHERE next_attempt_at IS NOT NULL ORDER BY next_attempt_at LIMIT :most) AS soonest
    WHERE workspace_id = :workspace
    """
)
_ACCOUNTS = text(
    """
    SELECT s.id, (SELECT count(*) FROM sender_slots t
                  WHERE t.sender_id = s.id AND t.slot >= 0 AND t.lease_until > now()),
           used.minute, used.hour, used.day
    FROM senders s CROSS JOIN LATERAL (
        SELECT COALESCE(sum(u.handed_over)
                        FILTER (WHERE u.minute > c.now - interval '1 minute'), 0) AS minute,
               COALESCE(sum(u.handed_over)
                        FILTER (WHERE u.minute > c.now - interval '1 hour'), 0) AS hour,
               COALESCE(sum(u.handed_over), 0) AS day
        FROM (SELECT date_trunc('minute', now()) AS now) c
        JOIN sender_usage u ON u.sender_id = s.id AND u.minute > c.now - interval '1 day') AS used
    WHERE s.workspace_id = :workspace
    """
)


@dataclass(frozen=True, slots=True)
class Queue:
    """What the dispatcher has given free, what is being handed over, what waits for its time.

    `ready` counts batches, the others messages. `next_retry` is in seconds since the epoch, None
    when it is not among the next of everybody's.
    """

    ready: int = 0
    messages: int = 0
    oldest: datetime | None = None
    in_flight: int = 0
    retries: int = 0
    retries_soon: int = 0
    next_retry: float | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """Numbers of the whole workspace. `unconfirmed` is that of campaigns that are over.

    `opens` and `clicks` are those of LATELY, about; `waiting_chunks` are addresses on their way
    into a group, some thousand each; `last_entry` is the newest line of the activity log.
    """

    unconfirmed: int
    upcoming_id: int | None
    imports: int
    waiting_chunks: int
    last_entry: int
    opens: int
    clicks: int


@dataclass(frozen=True, slots=True)
class Account:
    """A sender's open connections, and what counts against its minute, hour and day caps."""

    connections: int = 0
    minute: int = 0
    hour: int = 0
    day: int = 0


def queue(workspace: HasId, sender_ids: Sequence[int], counts: Sequence[Counts]) -> Queue:
    """The queue of these senders; `counts` are those of the campaigns under way."""
    values = {"workspace": workspace.id, "senders": list(sender_ids)}
    row = db.session.execute(_QUEUE, values).one()
    retries = sum(one.deferred for one in counts)
    first, soon = _retries(workspace) if retries else (None, 0)
    return Queue(
        ready=row.ready,
        messages=int(row.messages),
        oldest=row.oldest,
        in_flight=int(row.in_flight),
        retries=retries,
        retries_soon=min(soon, retries),
        next_retry=first,
    )


def sums(workspace: HasId, *, now: datetime) -> Sums:
    """The workspace's other numbers."""
    values = {"workspace": workspace.id, "since": now - LATELY}
    row = db.session.execute(_SUMS, values).one()
    return Sums(**row._asdict())


def accounts(workspace: HasId) -> dict[int, Account]:
    """What each sender of the workspace is doing, by its id."""
    rows = db.session.execute(_ACCOUNTS, {"workspace": workspace.id})
    return {row[0]: Account(*map(int, row[1:])) for row in rows}


def _retries(workspace: HasId) -> tuple[float | None, int]:
    """When the first second try is due, and how many are within a minute."""

    def ask() -> list[float | None]:
        values = {"workspace": workspace.id, "most": SOONEST}
        row = db.session.execute(_RETRIES, values).one()
        return [row.first, row.soon]

    first, soon = kept(f"now:retries:{workspace.id}", KEPT_RETRIES, ask)
    return first, int(soon or 0)
