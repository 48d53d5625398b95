"""A workspace that has been at it for a while, made by SQL: what its live pages have to read."""

from __future__ import annotations

from sqlalchemy import TextClause, text

from campaign_app.extensions import db
from campaign_app.models.campaigns import Campaign
from campaign_app.models.people import Workspace

_FINISHED = text(
    """
    INSERT INTO campaigns (workspace_id, name, status, total, started_at, planned_at, finished_at,
                           final_counts)
    SELECT :workspace, 'Campaign ' || n, 'completed', 10000, now() - n * interval '1 day',
           now() - n * interval '1 day', now() - n * interval '1 day' + interval '1 hour',
           '{"total": 10000, "sent": 9900, "failed": 100}'
    FROM generate_series(1, :campaigns) AS n
    """
)
# A day of reading, in buckets of five minutes.
_READ = text(
    """
    INSERT INTO engagement (workspace_id, campaign_id, bucket, opens, unique_opens, clicks)
    SELECT workspace_id, id, date_bin('5 minutes', started_at, 'epoch') + n * interval '5 minutes',
           20, 15, 5
    FROM campaigns, generate_series(0, 287) AS n
    WHERE workspace_id = :workspace AND started_at IS NOT NULL
      AND started_at + n * interval '5 minutes' < now()
    """
)
_LOGGED = text(
    """
    INSERT INTO audit_log (workspace_id, action, summary)
    SELECT :workspace, 'campaign.started', 'Somebody started “Campaign ' || n || '”'
    FROM generate_series(1, 10 * :campaigns) AS n
    """
)
_STARTED = text(
    """
    UPDATE campaigns SET status = 'paused', started_at = now() - interval '20 hours'
    WHERE workspace_id = :workspace AND id = :campaign
    """
)
# Half of it, evenly over the hours since it began.
_HALF_SENT = text(
    """
    UPDATE batches b
    SET state = 'done', fence = 1, sent = b.size,
        finished_at = now() - interval '20 hours' * (1 - half.share)
    FROM (SELECT id, percent_rank() OVER (ORDER BY id) AS share FROM batches
          WHERE workspace_id = :workspace AND campaign_id = :campaign
          ORDER BY id LIMIT :batches) AS half
    WHERE b.id = half.id
    """
)


def add_finished(workspace: Workspace, *, campaigns: int) -> None:
    """Add so many campaigns that ended, one a day, and the lines of the log that go with them."""
    _commit(_FINISHED, _LOGGED, workspace=workspace.id, campaigns=campaigns)


def start_paused(workspace: Workspace, campaign: Campaign) -> None:
    """Make it a campaign that began twenty hours ago and is paused; it can be planned now."""
    _commit(_STARTED, workspace=workspace.id, campaign=campaign.id)


def send_half(workspace: Workspace, campaign: Campaign, *, batches: int) -> None:
    """Let this many of its batches have been sent, and all campaigns have been read."""
    _commit(_HALF_SENT, _READ, workspace=workspace.id, campaign=campaign.id, batches=batches)
    _commit(text("ANALYZE batches, engagement, campaigns, audit_log"))


def _commit(*statements: TextClause, **values: int) -> None:
    """Run them, each with those of the values that it names, however long they take."""
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    for statement in statements:
        named = {name: value for name, value in values.items() if f":{name}" in statement.text}
        db.session.execute(statement, named)
    db.session.commit()
