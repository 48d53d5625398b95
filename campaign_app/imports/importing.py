"""The import itself: batch by batch, each with its progress in the same transaction.

A worker that takes over after a crash therefore reads the file again from its start, cut into the
same batches, only remembering whom it meets, until it stands where the last commit was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row

from campaign_app.imports.halves import Halves, split
from campaign_app.imports.job import COUNTS, Job, orders_of
from campaign_app.imports.merge import Written, renew_statistics
from campaign_app.imports.prepare import Batch
from campaign_app.imports.rejects import RejectsFile
from campaign_app.lib import metrics
from campaign_app.models.imports import ImportState

MANY_BYTES = 1_000_000
"""Of a file that holds some ten thousand people: enough to look for them in a hundred ways, each of
which takes minutes when PostgreSQL believes that there is nobody."""


def work(job: Job) -> ImportState:
    """Import a file to its end, or until somebody stops it or others must have their turn."""
    row = job.load()
    with (
        RejectsFile(job.stores.state_path / job.rejected_key) as rejects,
        Halves.ready(job, orders_of(row)) as halves,
        job.batches(row, then=split) as batches,
    ):
        state = _write(job, row, batches, halves, rejects)
    if state == ImportState.DONE:
        job.end(state, bytes_read=row.size)
        job.stores.discard(row.storage_key)
    elif state == ImportState.STOPPED:
        job.end(state)
    else:
        return state
    job.note()
    if row.size >= MANY_BYTES:
        renew_statistics(job.connection)
    return state


def _write(
    job: Job, row: Row[Any], batches: Iterator[Batch], halves: Halves, rejects: RejectsFile
) -> ImportState:
    """Write batch by batch, and tell how it ended."""
    totals = Counter({name: getattr(row, name) for name in COUNTS})
    read = 0
    job.report(rejected_key=job.rejected_key)
    job.connection.commit()
    for number, batch in enumerate(batches, start=1):
        read += batch.rows
        rejects.add(batch.rejected)
        if read <= row.rows:
            stop = job.report()
            job.connection.commit()
            job.turn.caught_up()
        else:
            counts = counts_of(batch, halves.write(batch, number))
            totals.update(counts)
            stop = job.report(bytes_read=batch.bytes_read, **totals)
            job.connection.commit()
            metrics.import_rows(counts)
        if stop:
            return ImportState.STOPPED
        if read > row.rows and job.turn.is_over():
            job.report(state=ImportState.WAITING, worker="")
            job.connection.commit()
            return ImportState.WAITING
    return ImportState.DONE


def counts_of(batch: Batch, written: Written) -> dict[str, int]:
    """The counts of a batch. Everybody counts once per file, at the first row; so "unchanged" can
    fall, when somebody whom the file left as they were is changed by a later row.
    """
    people = sum(batch.firsts)
    return {
        "rows": batch.rows,
        "new": written.new,
        "updated": written.updated,
        "unchanged": people - written.new - written.updated,
        "duplicates": batch.rows - len(batch.rejected) - people,
        "invalid": len(batch.rejected),
        "suppressed": written.suppressed,
    }
