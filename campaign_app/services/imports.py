"""Uploaded files on their way into the recipients: what a person decides about them.

The work itself is done by the engine `campaign_app.imports`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from campaign_app.extensions import db
from campaign_app.lib import clock, paging
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.paging import Page
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.people import User
from campaign_app.models.recipients import Group
from campaign_app.services import audit, groups

PAGE_SIZE = 25
ACTIVE = (ImportState.WAITING, ImportState.RUNNING)
STARTABLE = (ImportState.UPLOADED, ImportState.STOPPED, ImportState.FAILED)
"""A stopped or failed import goes on where it stood."""


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


def page(workspace: HasId, *, number: int = 1) -> Page[Import]:
    """The workspace's imports, newest first."""
    query = owned_by(workspace, Import).order_by(Import.id.desc())
    return paging.read(query, number=number, size=PAGE_SIZE)


def choose(
    workspace: HasId,
    row: Import,
    *,
    options: dict[str, Any],
    mapping: list[dict[str, Any]],
    group_ids: Sequence[int],
) -> None:
    """Set how the file is read, what its columns are and which groups its people join.

    Raises Conflict once the import has begun: half a file read otherwise would be chaos.
    """
    if row.state != ImportState.UPLOADED:
        raise Conflict("This import has begun already, so its columns cannot change any more.")
    row.options, row.mapping = options, mapping
    row.group_ids = own_groups(workspace, group_ids)


def start(workspace: HasId, row: Import, *, user: User) -> None:
    """Hand an import to the workers; a stopped or failed one goes on where it stood.

    The caller rings the worker after its commit. Raises Conflict when it runs or is done.
    """
    moment = clock.now()
    won = db.session.execute(
        update(Import)
        .where(
            Import.workspace_id == workspace.id, Import.id == row.id, Import.state.in_(STARTABLE)
        )
        .values(
            state=ImportState.WAITING,
            heartbeat_at=moment,
            started_at=_without_the_pause(row, moment),
            stop_requested=False,
            finished_at=None,
            error="",
        )
        .returning(Import.id)
    ).first()
    if won is None:
        raise Conflict("This import is running or done already.")
    summary = f"{user.name} started importing {row.filename}"
    audit.record(workspace, "import.started", summary, user=user, subject_id=row.id)


def _without_the_pause(row: Import, moment: datetime) -> datetime | None:
    """The start, moved by the time nothing was done, so that the pace stays true."""
    if row.started_at and row.finished_at:
        return row.started_at + (moment - row.finished_at)
    return row.started_at


def stop(workspace: HasId, row: Import, *, user: User) -> None:
    """Halt an import: at once while it waits, within a second while it runs.

    What is imported stays. Raises Conflict when there is nothing to stop.
    """
    mine = (Import.workspace_id == workspace.id, Import.id == row.id)
    waiting = update(Import).where(*mine, Import.state == ImportState.WAITING)
    running = update(Import).where(*mine, Import.state == ImportState.RUNNING)
    halted = db.session.execute(
        waiting.values(state=ImportState.STOPPED, finished_at=clock.now()).returning(Import.id)
    ).first()
    asked = db.session.execute(running.values(stop_requested=True).returning(Import.id)).first()
    if not (halted or asked):
        raise Conflict("This import is not running.")
    summary = f"{user.name} stopped importing {row.filename}"
    audit.record(workspace, "import.stopped", summary, user=user, subject_id=row.id)


def discard(workspace: HasId, row: Import) -> str:
    """Forget an upload that was never started, and give its storage key: the file may go.

    Raises Conflict for one that has begun: it is history.
    """
    if row.state != ImportState.UPLOADED:
        raise Conflict("This import has begun already. Stop it instead.")
    db.session.delete(get(workspace, row.id))
    return row.storage_key


def progress(row: Import) -> Progress:
    """How far the import is, and, from its average pace so far, how long it will take."""
    share = min(row.bytes_read / row.size, 1.0) if row.size else 0.0
    if row.state == ImportState.DONE:
        return Progress(100.0, _pace(row), None)
    if row.state not in ACTIVE or not (row.started_at and row.heartbeat_at and share):
        return Progress(100 * share, _pace(row), None)
    elapsed = (row.heartbeat_at - row.started_at).total_seconds()
    left = elapsed * (1 - share) / share
    return Progress(100 * share, _pace(row), max(1, round(left)))


def _pace(row: Import) -> int | None:
    end = row.finished_at or row.heartbeat_at
    if not (row.started_at and end and row.rows):
        return None
    elapsed = (end - row.started_at).total_seconds()
    return round(row.rows / elapsed) if elapsed > 0 else None


def own_groups(workspace: HasId, group_ids: Sequence[int]) -> list[int]:
    """Those of the ids that are groups of this workspace, campaigns' hidden ones included."""
    query = select(Group.id).where(Group.workspace_id == workspace.id, Group.id.in_(group_ids))
    return list(db.session.scalars(query.order_by(Group.id)))


def group_called(workspace: HasId, name: str, *, user: User) -> int:
    """The id of the group of that name, which is made when it is missing.

    Raises Invalid with field "new_group".
    """
    plain = " ".join(name.split())
    for group in groups.standing(workspace):
        if group.name.lower() == plain.lower():
            return group.id
    try:
        return groups.create(workspace, name=plain, user=user).id
    except Invalid as error:
        raise Invalid(error.message, field="new_group") from None
