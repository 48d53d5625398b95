"""Uploaded files on their way into the recipients: what a person decides about them.

The work itself is done by the engine `campaign_app.imports`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, select, update

from campaign_app.extensions import db
from campaign_app.lib import clock, paging, shares
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.paging import Page
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.imports import Import, ImportBatch, ImportState
from campaign_app.models.people import User
from campaign_app.models.recipients import Group
from campaign_app.services import audit

PAGE_SIZE = 25
ACTIVE = (ImportState.WAITING, ImportState.RUNNING)
"""People are on their way onto the list."""
AT_WORK = (*ACTIVE, ImportState.CHECKING, ImportState.UNDOING)
"""A worker has it, or will have it in a moment."""
OPEN = (ImportState.UPLOADED, ImportState.CHECKED)
"""Nothing has been written yet, and everything can still be changed."""
STARTABLE = (*OPEN, ImportState.STOPPED, ImportState.FAILED)
"""A stopped or failed import goes on where it stood."""
UNDOABLE = (ImportState.DONE, ImportState.STOPPED, ImportState.FAILED)
KEPT_FOR_UNDO = timedelta(days=30)
"""How long what an undo needs is kept after the import began."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is safely on disk. `size` is in bytes."""

    filename: str
    storage_key: str
    size: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is. Times are seconds; None where nothing can be said yet."""

    percent: float
    rows_per_second: int | None
    eta_seconds: int | None


def create(
    workspace: HasId,
    *,
    upload: Upload,
    options: dict[str, Any],
    mapping: list[dict[str, Any]],
    group_ids: Sequence[int] = (),
    user: User,
) -> Import:
    """Remember an uploaded file; it waits for somebody to confirm its columns."""
    row = Import(
        workspace_id=workspace.id,
        user_id=user.id,
        filename=upload.filename,
        storage_key=upload.storage_key,
        size=upload.size,
        options=options,
        mapping=mapping,
        group_ids=own_groups(workspace, group_ids),
    )
    db.session.add(row)
    db.session.flush()
    return row


def get(workspace: HasId, import_id: int) -> Import:
    """The workspace's own import. Raises NotFound."""
    return get_owned(workspace, Import, import_id)


def some(workspace: HasId, ids: Sequence[int]) -> Sequence[Import]:
    """Those of the ids that are imports of the workspace; strangers' are passed over."""
    return db.session.scalars(owned_by(workspace, Import).where(Import.id.in_(ids))).all()


def page(workspace: HasId, *, number: int = 1) -> Page[Import]:
    """The workspace's imports, newest first."""
    query = owned_by(workspace, Import).order_by(Import.id.desc())
    return paging.read(query, number=number, size=PAGE_SIZE)


def after(workspace: HasId, *, place: int = 0, size: int) -> Sequence[Import]:
    """Some of the workspace's imports, newest first, from after that id on."""
    query = owned_by(workspace, Import).order_by(Import.id.desc()).limit(size)
    return db.session.scalars(query.where(Import.id < place) if place else query).all()


def check(workspace: HasId, row: Import, *, user: User) -> None:
    """Hand the dry run to the workers: its findings are in `report` when the state is `checked`.

    The caller rings the worker after its commit. Raises Conflict once the import has begun.
    """
    move(workspace, row, OPEN, **_BLANK, state=ImportState.CHECKING, report={}, **_handed_over())
    summary = f"{user.name} checked {row.filename}"
    audit.record(workspace, "import.checked", summary, user=user, subject_id=row.id)


def start(workspace: HasId, row: Import, *, user: User) -> None:
    """Hand an import to the workers; a stopped or failed one goes on where it stood.

    The caller rings the worker after its commit. Raises Conflict when it runs, is done or is being
    undone, and Invalid with field "permission" while nobody has confirmed it.
    """
    if row.permission_at is None:
        raise Invalid("Confirm that these people agreed to get your e-mail.", field="permission")
    if row.undo_asked_at is not None:
        raise Conflict("This import was undone. Upload the file again to import it anew.")
    fresh: dict[str, object] = _BLANK if row.state in OPEN else {}
    values = {**_handed_over(), "started_at": _without_the_pause(row), **fresh}
    move(workspace, row, STARTABLE, state=ImportState.WAITING, **values)
    summary = f"{user.name} started importing {row.filename}"
    audit.record(workspace, "import.started", summary, user=user, subject_id=row.id)


def undo(workspace: HasId, row: Import, *, user: User) -> None:
    """Hand the undoing of an import to the workers: see `undo_until` and the engine's rules.

    The caller rings the worker after its commit. Raises Conflict when there is nothing to undo.
    """
    if not undo_until(row):
        raise Conflict("This import cannot be undone any more.")
    asked = {"undo_asked_at": clock.now(), "state": ImportState.UNDOING}
    move(workspace, row, UNDOABLE, **asked, **_handed_over())
    summary = f"{user.name} undid the import of {row.filename}"
    audit.record(workspace, "import.undone", summary, user=user, subject_id=row.id)


def undo_until(row: Import) -> datetime | None:
    """Until when the import can be undone; None when it cannot, or has changed nothing."""
    if row.state not in UNDOABLE or row.started_at is None:
        return None
    end = row.started_at + KEPT_FOR_UNDO
    return end if clock.now() < end and _has_written(row) else None


def _has_written(row: Import) -> bool:
    """A batch is counted when all of it is written; what broke off before may have begun one."""
    if row.rows or row.state == ImportState.DONE:
        return bool(row.rows)
    begun = exists().where(
        ImportBatch.workspace_id == row.workspace_id, ImportBatch.import_id == row.id
    )
    return bool(db.session.scalar(select(begun)))


_BLANK: dict[str, object] = {
    "rows": 0,
    "new": 0,
    "updated": 0,
    "unchanged": 0,
    "duplicates": 0,
    "invalid": 0,
    "suppressed": 0,
    "bytes_read": 0,
    "started_at": None,
}


def _handed_over() -> dict[str, object]:
    """What makes a worker take it."""
    return {
        "worker": "",
        "heartbeat_at": clock.now(),
        "stop_requested": False,
        "finished_at": None,
        "error": "",
    }


def move(workspace: HasId, row: Import, start: Sequence[ImportState], **values: object) -> None:
    """Take an import on from one of these states. Raises Conflict when it is in another."""
    won = db.session.execute(
        update(Import)
        .where(Import.workspace_id == workspace.id, Import.id == row.id, Import.state.in_(start))
        .values(**values)
        .returning(Import.id)
    ).first()
    if won is None:
        raise Conflict(_REFUSALS.get(row.state, "This import has begun already."))


_REFUSALS = {
    ImportState.CHECKING: "This import is being checked at the moment. Stop that first.",
    ImportState.DONE: "This import is done already.",
    ImportState.UNDOING: "This import is being undone.",
    ImportState.UNDONE: "This import was undone. Upload the file again to import it anew.",
}


def _without_the_pause(row: Import) -> datetime | None:
    """The start, moved by the time nothing was done, so that the pace stays true."""
    if row.started_at and row.finished_at:
        return row.started_at + (clock.now() - row.finished_at)
    return row.started_at


def stop(workspace: HasId, row: Import, *, user: User) -> None:
    """Halt an import or its dry run: at once while it waits, within a second while it runs.

    What is imported stays, and can be undone. Raises Conflict when there is nothing to stop.
    """
    mine = update(Import).where(Import.workspace_id == workspace.id, Import.id == row.id)
    waiting = mine.where(Import.state == ImportState.WAITING).values(
        state=ImportState.STOPPED, finished_at=clock.now()
    )
    dry = mine.where(Import.state == ImportState.CHECKING, Import.worker == "").values(
        state=ImportState.UPLOADED
    )
    running = mine.where(Import.state.in_((ImportState.RUNNING, ImportState.CHECKING))).values(
        stop_requested=True
    )
    halts = (
        db.session.execute(one.returning(Import.id)).first() for one in (waiting, dry, running)
    )
    if not any(halts):
        raise Conflict("This import is not running.")
    summary = f"{user.name} stopped importing {row.filename}"
    audit.record(workspace, "import.stopped", summary, user=user, subject_id=row.id)


def discard(workspace: HasId, row: Import) -> str:
    """Forget an upload that was never started, and give its storage key: the file may go.

    Raises Conflict for one that has begun: it is history.
    """
    if row.state not in OPEN:
        raise Conflict("This import has begun already. Stop it instead.")
    db.session.delete(get(workspace, row.id))
    return row.storage_key


def progress(row: Import) -> Progress:
    """How far the work is, and, from its average pace so far, how long it will take."""
    share = _share(row)
    began = row.undo_asked_at or row.started_at
    if row.state not in AT_WORK or not (began and row.heartbeat_at and share):
        return Progress(shares.percent(share, 1), _pace(row), None)
    elapsed = (row.heartbeat_at - began).total_seconds()
    left = elapsed * (1 - share) / share
    return Progress(shares.percent(share, 1), _pace(row), max(1, round(left)))


def _share(row: Import) -> float:
    if row.state in (ImportState.DONE, ImportState.CHECKED, ImportState.UNDONE):
        return 1.0
    if row.state == ImportState.UNDOING:
        changes = row.new + row.updated
        return min((row.removed + row.restored + row.spared) / changes, 1.0) if changes else 0.0
    return min(row.bytes_read / row.size, 1.0) if row.size else 0.0


def _pace(row: Import) -> int | None:
    end = None if row.undo_asked_at else row.finished_at or row.heartbeat_at
    if not (row.started_at and end and row.rows):
        return None
    elapsed = (end - row.started_at).total_seconds()
    return round(row.rows / elapsed) if elapsed > 0 else None


def own_groups(workspace: HasId, group_ids: Sequence[int]) -> list[int]:
    """Those of the ids that are groups of this workspace, campaigns' hidden ones included."""
    query = select(Group.id).where(Group.workspace_id == workspace.id, Group.id.in_(group_ids))
    return list(db.session.scalars(query.order_by(Group.id)))
