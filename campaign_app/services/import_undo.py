"""What undoing an import would do, told before somebody decides."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId
from campaign_app.models.imports import Import

# The same conditions as in imports/undoing.py, for all batches at once and without a change. Who
# was changed by two batches counts once: where what would be brought back is older than the import.
# `coalesce` around IN has its answers hashed; a join would compare everybody with every batch.
_FORESEEN = text(
    """
    WITH batches AS MATERIALIZED (
      SELECT created_at, made, changed, updated FROM import_batches
      WHERE workspace_id = :workspace_id AND import_id = :import_id
    ), started AS (
      SELECT min(created_at) AS at FROM batches
    ), made AS (
      SELECT unnest(made) AS id FROM batches
    ), changed AS (
      SELECT c.id FROM batches b, started, unnest(b.changed, b.updated) AS c (id, updated_at)
      WHERE c.updated_at < started.at
    ), planned AS MATERIALIZED (
      SELECT c.id FROM campaigns c, started
      WHERE c.workspace_id = :workspace_id AND c.started_at IS NOT NULL
        AND coalesce(c.planned_at, 'infinity') >= started.at
    ), removed AS (
      SELECT count(*) AS number FROM made m JOIN recipients r ON r.id = m.id
      WHERE r.workspace_id = :workspace_id AND r.status = 'subscribed'
        AND coalesce(r.updated_at IN (SELECT created_at FROM batches), false)
        AND NOT EXISTS (
          SELECT FROM group_members g
          WHERE g.workspace_id = :workspace_id AND g.recipient_id = r.id
            AND g.created_at NOT IN (SELECT created_at FROM batches)
        )
        AND NOT EXISTS (
          SELECT FROM planned p JOIN messages x ON x.campaign_id = p.id AND x.recipient_id = r.id
          WHERE x.workspace_id = :workspace_id
        )
    ), restored AS (
      SELECT count(*) AS number FROM changed c JOIN recipients r ON r.id = c.id
      WHERE r.workspace_id = :workspace_id
        AND coalesce(r.updated_at IN (SELECT created_at FROM batches), false)
    )
    SELECT removed.number AS removed, restored.number AS restored,
           (SELECT count(*) FROM made) + (SELECT count(*) FROM changed)
             - removed.number - restored.number AS spared
    FROM removed, restored
    """
)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """How many people an undo would take off the list, give back their values, and leave alone."""

    removed: int
    restored: int
    spared: int


def foresee(workspace: HasId, row: Import) -> Foreseen:
    """What an undo would do now; a second or two for a million people."""
    values = {"workspace_id": workspace.id, "import_id": row.id}
    told = db.session.execute(_FORESEEN, values).one()
    return Foreseen(told.removed, told.restored, told.spared)
