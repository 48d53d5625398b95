"""Undoing an import: each batch is taken back as it was written, the last one first.

Everything that the import changed is taken back unless that very thing has changed since:

- Whoever it put in a group leaves it, unless they left and came back since.
- Whoever it changed gets back their name, attributes and tags, and the time of their last change,
  unless somebody edited them since, they opted out or in, bounced, or another import changed them.
- Whoever it put on the list is removed, unless the same happened to them, they have joined another
  group since, or a campaign has been planned for them: their history stays readable, and an opt-out
  is never lost.

Those "unless" are counted as spared. Nothing else is touched, so that an import that was stopped or
failed half way is undone as exactly as one that is done.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import TextClause, text

from campaign_app.imports.job import Job
from campaign_app.imports.merge import disturbances, take_turn
from campaign_app.models.imports import ImportState

_FIRST = text(
    """
    SELECT min(created_at) FROM import_batches
    WHERE workspace_id = :workspace_id AND import_id = :import_id
    """
)
# Whoever two batches changed counts once: where what is brought back is older than the import.
_LAST = text(
    """
    SELECT number, cardinality(made) AS made,
           (SELECT count(*) FROM unnest(updated) AS u(at) WHERE at < :first) AS changed
    FROM import_batches
    WHERE workspace_id = :workspace_id AND import_id = :import_id ORDER BY number DESC LIMIT 1
    """
)
# `+ 0`: of a workspace that is younger than the statistics, they say that nobody is in it; every
# index that begins with it looks right then, and all of its people are read for each id.
_LEAVE = text(
    """
    DELETE FROM group_members m
    USING import_batches b, unnest(b.joined, b.joined_groups) AS j (recipient_id, group_id)
    WHERE b.workspace_id = :workspace_id AND b.import_id = :import_id AND b.number = :number
      AND m.workspace_id + 0 = :workspace_id AND m.created_at = b.created_at
      AND m.group_id = j.group_id AND m.recipient_id = j.recipient_id
    """
)
_RESTORE = text(
    """
    WITH restored AS (
      UPDATE recipients r
      SET name = c.name, attributes = c.attributes, tags = CAST(c.tags AS text[]),
          updated_at = c.updated_at
      FROM import_batches b, unnest(b.changed, b.names, b.attributes, b.tags, b.updated)
           AS c (id, name, attributes, tags, updated_at)
      WHERE b.workspace_id = :workspace_id AND b.import_id = :import_id AND b.number = :number
        AND r.workspace_id + 0 = :workspace_id AND r.id = c.id AND r.updated_at = b.created_at
      RETURNING c.updated_at
    )
    SELECT count(*) FILTER (WHERE updated_at < :first) FROM restored
    """
)
_REMOVE = text(
    """
    DELETE FROM recipients r
    USING import_batches b, unnest(b.made) AS m (id)
    WHERE b.workspace_id = :workspace_id AND b.import_id = :import_id AND b.number = :number
      AND r.workspace_id + 0 = :workspace_id AND r.id = m.id
      AND r.updated_at = b.created_at AND r.status = 'subscribed'
      AND NOT EXISTS (
        SELECT FROM group_members g
        WHERE g.workspace_id + 0 = :workspace_id AND g.recipient_id = r.id
      )
      AND NOT EXISTS (
        SELECT FROM campaigns c JOIN messages x ON x.campaign_id = c.id AND x.recipient_id = r.id
        WHERE c.workspace_id = :workspace_id AND x.workspace_id + 0 = :workspace_id
          AND c.started_at IS NOT NULL AND coalesce(c.planned_at, 'infinity') >= :first
      )
    """
)
_FORGET = text(
    """
    DELETE FROM import_batches
    WHERE workspace_id = :workspace_id AND import_id = :import_id AND number = :number
    """
)


def work(job: Job) -> ImportState:
    """Take back batch after batch, each in one transaction, and forget what that took."""
    row = job.load()
    whose = {"workspace_id": row.workspace_id, "import_id": row.id}
    whose["first"] = job.connection.execute(_FIRST, whose).scalar_one()
    names = ("removed", "restored", "spared")
    totals = Counter({name: getattr(row, name) for name in names})
    while (counts := job.again(lambda: _undo_last(job, whose))) is not None:
        totals.update(counts)
        job.report(**totals)
        job.connection.commit()
    job.end(ImportState.UNDONE)
    job.stores.discard(row.storage_key)
    job.note()
    return ImportState.UNDONE


def _undo_last(job: Job, whose: dict[str, Any]) -> dict[str, int] | None:
    """What was done with the last batch that is left; None when none is."""
    take_turn(job.connection, whose["workspace_id"])
    last = job.connection.execute(_LAST, whose).one_or_none()
    if last is None:
        return None
    values = {**whose, "number": last.number}
    with disturbances():
        _run(job, _LEAVE, values)
        restored = int(job.connection.execute(_RESTORE, values).scalar_one())
        removed = _run(job, _REMOVE, values)
        _run(job, _FORGET, values)
    spared = last.made + last.changed - removed - restored
    return {"removed": removed, "restored": restored, "spared": spared}


def _run(job: Job, statement: TextClause, values: dict[str, Any]) -> int:
    return job.connection.execute(statement, values).rowcount
