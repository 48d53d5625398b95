"""The background job of an import: read, check, write, report; stoppable and restartable.

A batch is one transaction, and its progress is part of it. A worker that takes over after a crash
therefore reads the file again from its start, only remembering whom it meets, until it stands
where the last commit was.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select
from sqlalchemy.exc import InterfaceError, OperationalError

from campaign_app.extensions import db
from campaign_app.imports import claims, mapping, merge
from campaign_app.imports.ahead import one_ahead
from campaign_app.imports.claims import LostClaimError
from campaign_app.imports.dialects import Dialect
from campaign_app.imports.prepare import Batch, Preparer
from campaign_app.imports.readers import Rows, open_rows
from campaign_app.imports.rejects import RejectsFile
from campaign_app.lib import logs, metrics, tenancy
from campaign_app.lib.clock import now
from campaign_app.lib.errors import CarillonError
from campaign_app.lib.stores import Stores
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.people import Workspace
from campaign_app.services import audit, recipient_filter

BATCH_ROWS = 10_000
"""A quarter of a second: the step in which progress shows and a stop bites; 30 MB of memory."""
KEEP_UPLOADS = timedelta(days=7)
COUNTS = ("rows", "new", "updated", "unchanged", "duplicates", "invalid", "suppressed")
OUR_FAULT = (
    "Something went wrong on our side, and the import was halted. Start it again: nobody is added"
    " twice."
)

log = logs.get(__name__)


def run(import_id: int, *, stores: Stores) -> bool:
    """Import a file. True when this call did the work, False when another worker has it.

    A file that cannot be read ends as `failed`, with its message in the row. A database that
    cannot be reached is raised: the claim goes stale and another worker takes over.
    """
    with db.engine.connect() as connection:
        token = claims.claim(connection, import_id)
        connection.commit()
        if token is None:
            return False
        job = _Job(connection, import_id, token, stores)
        try:
            with claims.kept_alive(db.engine, import_id, token):
                job.work()
        except LostClaimError:
            connection.rollback()
            log.warning("import taken over", import_id=import_id)
        except (OperationalError, InterfaceError):
            raise
        except CarillonError as error:
            job.fail(error.message)
        except Exception:
            log.exception("import failed", import_id=import_id)
            job.fail(OUR_FAULT)
    return True


def abandoned() -> list[int]:
    """The ids of imports that no worker has, though one should."""
    with db.engine.connect() as connection:
        return claims.abandoned(connection)


def tidy(stores: Stores) -> None:
    """Remove uploads that nobody has started within a week, and their files."""
    old = (Import.state == ImportState.UPLOADED, Import.created_at < now() - KEEP_UPLOADS)
    with db.engine.begin() as connection:
        keys = connection.scalars(delete(Import).where(*old).returning(Import.storage_key)).all()
    for key in keys:
        stores.discard(key)


class _Job:
    """One run of one import, over one connection."""

    def __init__(self, connection: Connection, import_id: int, token: str, stores: Stores) -> None:
        self._connection = connection
        self._id = import_id
        self._token = token
        self._stores = stores
        self._rejected_key = f"rejected/{import_id}.csv"

    def work(self) -> None:
        row = self._load()
        dialect = Dialect.from_options(row.options)
        columns = mapping.from_entries(row.mapping)
        mapping.check(columns)
        size = BATCH_ROWS // (1 + len(row.group_ids))
        merger = merge.Merger(
            self._connection,
            workspace_id=row.workspace_id,
            group_ids=row.group_ids,
            since=row.created_at,
        )
        with (
            self._tables(merger),
            self._stores.local_path(row.storage_key) as path,
            open_rows(path, dialect) as rows,
            RejectsFile(self._stores.state_path / self._rejected_key) as rejects,
            contextlib.closing(one_ahead(_batches(rows, columns, dialect, size))) as batches,
        ):
            stopped = self._write(batches, merger, rejects, row)
        if stopped:
            self._finish(ImportState.STOPPED)
        else:
            self._finish(ImportState.DONE, bytes_read=row.size)
            self._stores.discard(row.storage_key)
        _note(row.workspace_id, self._id)

    def fail(self, message: str) -> None:
        """End the import as failed. What earlier batches wrote stays, and the counts say so."""
        self._connection.rollback()
        with contextlib.suppress(LostClaimError):
            self._finish(ImportState.FAILED, error=message)
            _note(self._workspace_id(), self._id)

    def _workspace_id(self) -> int:
        table = Import.__table__
        owner = select(table.c.workspace_id).where(table.c.id == self._id)
        return int(self._connection.execute(owner).scalar_one())

    def _load(self) -> Row[Any]:
        table = Import.__table__
        started = func.coalesce(table.c.started_at, now())
        self._report(started_at=started, rejected_key=self._rejected_key)
        row = self._connection.execute(select(table).where(table.c.id == self._id)).one()
        self._connection.commit()
        return row

    def _write(
        self, batches: Iterator[Batch], merger: merge.Merger, rejects: RejectsFile, row: Row[Any]
    ) -> bool:
        """Write batch by batch; True when somebody asked to stop."""
        totals = Counter({name: getattr(row, name) for name in COUNTS})
        read = 0
        for batch in batches:
            read += batch.rows
            rejects.add(batch.rejected)
            if read <= row.rows:
                merger.replay(batch.people)
                stop = self._report()
            else:
                counts = _counts(batch, merger.merge(batch.people))
                totals.update(counts)
                metrics.import_rows(counts)
                stop = self._report(bytes_read=batch.bytes_read, **totals)
            self._connection.commit()
            if stop:
                return True
        return False

    def _finish(self, state: ImportState, **values: object) -> None:
        self._report(state=state, finished_at=now(), stop_requested=False, **values)
        self._connection.commit()
        log.info("import ended", import_id=self._id, state=state)

    def _report(self, **values: object) -> bool:
        return claims.report(self._connection, self._id, self._token, **values)

    @contextlib.contextmanager
    def _tables(self, merger: merge.Merger) -> Iterator[None]:
        merger.open()
        self._connection.commit()
        try:
            yield
        finally:
            self._connection.rollback()
            merger.close()
            self._connection.commit()


def _note(workspace_id: int, import_id: int) -> None:
    """Tell the activity log, and let the recipients page count anew."""
    workspace = db.session.get_one(Workspace, workspace_id)
    row = tenancy.get_owned(workspace, Import, import_id)
    counts = f"{row.new:,} new, {row.updated:,} updated, {row.invalid:,} rejected"
    summary = f"{row.filename}: {row.error or counts}"
    audit.record(workspace, f"import.{row.state}", summary, subject_id=import_id)
    db.session.commit()
    recipient_filter.forget_counts(workspace)


def _batches(
    rows: Rows, columns: Sequence[mapping.Column], dialect: Dialect, size: int
) -> Iterator[Batch]:
    preparer = Preparer(columns)
    rows.head(dialect.header_row)
    for first, chunk in rows.chunks(max(size, 100)):
        batch = preparer.batch(first, chunk)
        batch.bytes_read = rows.bytes_read
        yield batch


def _counts(batch: Batch, merged: merge.Merged) -> dict[str, int]:
    return {
        "rows": batch.rows,
        "new": merged.new,
        "updated": merged.updated,
        "unchanged": merged.people - merged.new - merged.updated,
        "duplicates": batch.rows - len(batch.rejected) - merged.people,
        "invalid": len(batch.rejected),
        "suppressed": merged.suppressed,
    }
