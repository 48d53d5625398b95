"""One run of one piece of work on an import, by one worker, over a connection of its own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, func, select

from campaign_app.extensions import db
from campaign_app.imports import addressees, claims, mapping, preview
from campaign_app.imports.ahead import one_ahead
from campaign_app.imports.claims import Claim, LostClaimError
from campaign_app.imports.dialects import Dialect
from campaign_app.imports.mapping import Column, Target
from campaign_app.imports.merge import Disturbed, Orders
from campaign_app.imports.prepare import Batch, Preparer, attribute_columns
from campaign_app.imports.readers import Rows, open_rows
from campaign_app.imports.seen import Seen
from campaign_app.lib import logs, tenancy
from campaign_app.lib.clock import now
from campaign_app.lib.stores import Stores
from campaign_app.models.imports import EmptyCells, Existing, Import, ImportState
from campaign_app.models.people import Workspace
from campaign_app.services import audit, recipient_filter

BATCH_ROWS = 4_000
"""An eighth of a second: the step in which progress shows and a stop bites; 15 MB of memory."""
ATTEMPTS = 5
TURN_SECONDS = 20
"""How long an import works at least before it lets others pass."""
COUNTS = ("rows", "new", "updated", "unchanged", "duplicates", "invalid", "suppressed")
AFTER_FAILURE = {
    ImportState.RUNNING: ImportState.FAILED,
    ImportState.CHECKING: ImportState.UPLOADED,
    ImportState.UNDOING: ImportState.FAILED,
}
NAMES = (Target.NAME, Target.FIRST_NAME, Target.LAST_NAME)

T = TypeVar("T")

log = logs.get(__name__)


class Turn:
    """How long one worker stays with one import while others wait for a worker.

    Who takes over reads the file from its start, so that a turn lasts at least four times as long
    as that took.
    """

    def __init__(self, others_wait: Callable[[], bool]) -> None:
        self._others_wait = others_wait
        self._begun = time.monotonic()
        self._least = float(TURN_SECONDS)

    def caught_up(self) -> None:
        """The file was read up to where the last worker stood."""
        taken = time.monotonic() - self._begun
        self._least = max(TURN_SECONDS, 5 * taken)

    def is_over(self) -> bool:
        """Whether somebody waits, and has waited long enough."""
        return time.monotonic() - self._begun > self._least and self._others_wait()


@dataclass(frozen=True, slots=True)
class Job:
    """What all kinds of work need. Its reports are part of the transaction of the work."""

    connection: Connection
    import_id: int
    claim: Claim
    stores: Stores
    turn: Turn

    @property
    def rejected_key(self) -> str:
        """Where the rejected rows lie below the state's folder."""
        return f"rejected/{self.import_id}.csv"

    def load(self) -> Row[Any]:
        """The import's row, begun."""
        table = Import.__table__
        self.report(started_at=func.coalesce(table.c.started_at, now()))
        row = self.connection.execute(select(table).where(table.c.id == self.import_id)).one()
        self.connection.commit()
        return row

    def report(self, **values: object) -> bool:
        """Write progress; True when somebody asked to stop. Raises LostClaimError."""
        return claims.report(self.connection, self.import_id, self.claim.token, **values)

    def end(self, state: ImportState, **values: object) -> None:
        """Write the result, durably."""
        self.report(state=state, finished_at=now(), stop_requested=False, **values)
        self.connection.commit()
        log.info("import ended", import_id=self.import_id, state=state)

    def fail(self, message: str) -> None:
        """End as failed. What earlier batches wrote stays, and the counts say so."""
        self.connection.rollback()
        with contextlib.suppress(LostClaimError):
            self.end(AFTER_FAILURE[self.claim.state], error=message)
            if self.claim.state != ImportState.CHECKING:
                self.note()

    def note(self) -> None:
        """Tell the activity log, and let the recipients page count anew."""
        table = Import.__table__
        owner = select(table.c.workspace_id).where(table.c.id == self.import_id)
        workspace = db.session.get_one(Workspace, self.connection.execute(owner).scalar_one())
        row = tenancy.get_owned(workspace, Import, self.import_id)
        db.session.refresh(row)  # this session has not seen what our own connection wrote
        summary = f"{row.filename}: {row.error or _summary(row)}"
        audit.record(workspace, f"import.{row.state}", summary, subject_id=self.import_id)
        db.session.commit()
        recipient_filter.forget_counts(workspace)

    def again(self, work: Callable[[], T]) -> T:
        """Do a transaction's work, and anew when somebody else was in its way."""
        for _ in range(ATTEMPTS - 1):
            try:
                return work()
            except Disturbed:
                self.connection.rollback()
        return work()

    @contextlib.contextmanager
    def batches(
        self, row: Row[Any], then: Callable[[Batch], None] | None = None
    ) -> Iterator[Iterator[Batch]]:
        """The file's rows as people, the next batch always in the making; `then` finishes it."""
        dialect = Dialect.from_options(row.options)
        columns = mapping.from_entries(row.mapping)
        mapping.check(columns)
        erased = addressees.erased_hashes(self.connection, row.workspace_id)
        preparer = Preparer(
            columns, existing=row.existing, empty_cells=row.empty_cells, erased=erased
        )
        size = max(BATCH_ROWS // (1 + len(row.group_ids)), 100)
        with (
            self.stores.local_path(row.storage_key) as path,
            open_rows(path, preview.settled(path, dialect)) as rows,
        ):
            rows.head(dialect.header_row)
            prepared = _prepared(rows, preparer, size, then)
            with contextlib.closing(one_ahead(prepared)) as batches:
                yield batches


def orders_of(row: Row[Any] | Import) -> Orders:
    """What an import's row asks for."""
    columns = mapping.from_entries(row.mapping)
    erases = (row.existing, row.empty_cells) == (Existing.OVERWRITE, EmptyCells.ERASE)
    return Orders(
        workspace_id=row.workspace_id,
        import_id=row.id,
        group_ids=row.group_ids,
        tags=row.tags,
        existing=row.existing,
        erased=[key for key, _ in attribute_columns(columns)] if erases else [],
        erases_names=erases and _names_people(columns),
    )


def _names_people(columns: Sequence[Column]) -> bool:
    return any(column.target in NAMES for column in columns)


def _prepared(
    rows: Rows, preparer: Preparer, size: int, then: Callable[[Batch], None] | None
) -> Iterator[Batch]:
    met = Seen()
    for first, chunk in rows.chunks(size):
        batch = preparer.batch(first, chunk)
        batch.firsts = list(map(met.add, batch.emails))
        batch.bytes_read = rows.bytes_read
        if then:
            then(batch)
        yield batch


def _summary(row: Import) -> str:
    if row.state == ImportState.UNDONE:
        return f"{row.removed:,} removed, {row.restored:,} restored, {row.spared:,} left alone"
    return f"{row.new:,} new, {row.updated:,} updated, {row.invalid:,} rejected"
