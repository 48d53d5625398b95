"""Imports by hand: made, run to their end, and looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.imports import preview, run
from campaign_app.imports.run import Outcome
from campaign_app.lib import clock
from campaign_app.models.imports import Import, ImportState
from tests import factories
from tests.imports import files

SNAPSHOT = text(
    """
    SELECT r.id, r.email, r.name, r.attributes, r.tags, r.status, r.created_at, r.updated_at,
           ARRAY(SELECT group_id FROM group_members m WHERE m.recipient_id = r.id ORDER BY 1)
    FROM recipients r WHERE r.workspace_id = :id ORDER BY r.id
    """
)


def an_import(workspace, folder: Path, content: bytes | str, **values) -> Import:
    """An import of this content, with its columns as they are proposed; it waits for a worker."""
    path = files.written(folder, content)
    shown = preview.preview(path, preview.detect(path))
    row = Import(
        workspace_id=workspace.id,
        filename="people.csv",
        storage_key=path.name,
        size=path.stat().st_size,
        state=ImportState.WAITING,
        heartbeat_at=clock.now(),
        options=shown.dialect.as_options(),
        mapping=[column.as_entry() for column in shown.columns],
    )
    for name, value in values.items():
        setattr(row, name, value)
    return factories.save(row)


def work(
    row: Import, folder: Path, state: ImportState | None = None, **more: Callable[[], bool]
) -> Outcome:
    """Let a worker do what the import waits for, after bringing it into a state."""
    if state is not None:
        row.state, row.worker, row.heartbeat_at = state, "", clock.now()
        db.session.commit()
    outcome = run.run(row.id, stores=files.stores(folder), **more)
    db.session.refresh(row)
    return outcome


def stored(workspace):
    """All that is known of everybody in a workspace, row by row."""
    db.session.rollback()
    return db.session.execute(SNAPSHOT, {"id": workspace.id}).all()
