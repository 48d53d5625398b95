"""Batches that two connections write, and what may come between their commits."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, func, select, text
from sqlalchemy.exc import OperationalError

from campaign_app.extensions import db
from campaign_app.imports import halves, run
from campaign_app.imports.claims import Claim, LostClaimError
from campaign_app.imports.halves import Halves, split
from campaign_app.imports.job import COUNTS, Job, Turn, orders_of
from campaign_app.imports.prepare import Batch
from campaign_app.imports.run import Outcome, nobody
from campaign_app.models.imports import Import, ImportBatch, ImportState
from campaign_app.models.recipients import Recipient
from tests import waiting
from tests.imports import files
from tests.imports.imported import an_import, stored, work

PEOPLE = [f"user{n}@x.com" for n in range(1_500)]
GONE, STILL_THERE = PEOPLE[::3], PEOPLE[1::3]
_HOLD = text("UPDATE recipients SET name = name WHERE workspace_id = :id AND email = :email")
_BLOCKED = text("SELECT pid FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))")


def batch_of(emails: list[str]) -> Batch:
    count = len(emails)
    texts = ["\t{}"] * count
    return Batch(emails=sorted(emails), texts=texts, firsts=[True] * count, rows=halves.FEWEST_ROWS)


def the_file(town: str) -> str:
    return "email,town\n" + "".join(f"{email},{town}\n" for email in PEOPLE)


def parts(emails: list[str]) -> tuple[Batch, Batch]:
    batch = batch_of(emails)
    split(batch)
    assert batch.halves
    return batch.halves


def one_of_each_half() -> tuple[str, str]:
    first, second = parts(STILL_THERE)
    return first.emails[0], second.emails[0]


def counts(row: Import) -> dict[str, int]:
    return {name: getattr(row, name) for name in COUNTS if getattr(row, name)}


@contextmanager
def working(app, row: Import, folder: Path) -> Iterator[Future[Outcome]]:
    """A worker that does the import beside us."""
    number = row.id

    def in_context() -> Outcome:
        with app.app_context():
            return run.run(number, stores=files.stores(folder))

    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit(in_context)


@contextmanager
def holding(workspace, email: str) -> Iterator[Connection]:
    """A transaction that has changed somebody, and is open."""
    with db.engine.connect() as other:
        other.execute(_HOLD, {"id": workspace.id, "email": email})
        yield other


@pytest.fixture
def row(workspace, tmp_path) -> Import:
    """An import that updates everybody; a third are new."""
    work(an_import(workspace, tmp_path, the_file("Oslo")), tmp_path)
    gone = delete(Recipient).where(Recipient.email.in_(GONE))
    db.session.execute(gone.where(Recipient.workspace_id == workspace.id))
    return an_import(workspace, tmp_path, the_file("Rome"))


def test_whoever_is_in_a_half_is_so_whoever_else_is_in_the_batch():
    first, second = (part.emails for part in parts(PEOPLE))
    assert sorted(first + second) == sorted(PEOPLE)
    assert 600 < len(first) < 900
    fewer = parts(PEOPLE[7:])
    assert set(fewer[0].emails) <= set(first)
    assert set(fewer[1].emails) <= set(second)


def test_both_halves_are_written_and_undone_as_one(workspace, row, tmp_path):
    before = stored(workspace)
    work(row, tmp_path)
    assert counts(row) == {"rows": 1_500, "new": 500, "updated": 1_000}
    db.session.commit()
    work(row, tmp_path, ImportState.UNDOING)
    assert (row.removed, row.restored, row.spared) == (500, 1_000, 0)
    assert stored(workspace) == before


def test_a_half_that_is_written_counts_once_when_the_other_is_lost(
    import_app, workspace, row, tmp_path
):
    with (
        holding(workspace, one_of_each_half()[0]) as other,
        working(import_app, row, tmp_path) as worker,
    ):
        waiting.until(lambda: second_halves(row) == 1)
        pid = other.scalar(text("SELECT pg_backend_pid()"))
        waiting.until_somebody_waits_for(other)
        for blocked in other.scalars(_BLOCKED, {"pid": pid}).all():
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": blocked})
        with pytest.raises(OperationalError):
            worker.result()
    assert (row.rows, second_halves(row)) == (0, 1)
    work(row, tmp_path, ImportState.WAITING)
    assert counts(row) == {"rows": 1_500, "new": 500, "updated": 1_000}
    assert {person.attributes["town"] for person in stored(workspace)} == {"Rome"}
    work(row, tmp_path, ImportState.UNDOING)
    assert (row.removed, row.restored, row.spared) == (500, 1_000, 0)


def second_halves(row: Import) -> int:
    db.session.rollback()
    query = select(func.count()).where(
        ImportBatch.workspace_id == row.workspace_id,
        ImportBatch.import_id == row.id,
        ImportBatch.number % 2 == 1,
    )
    return db.session.scalar(query) or 0


def test_somebody_who_holds_one_half_and_wants_the_other_gets_it(
    import_app, workspace, row, tmp_path, monkeypatch
):
    monkeypatch.setattr(halves, "LOCK_SECONDS", 0.5)
    ours, theirs = one_of_each_half()
    with (
        holding(workspace, theirs) as other,
        working(import_app, row, tmp_path) as worker,
    ):
        waiting.until_somebody_waits_for(other)
        other.execute(_HOLD, {"id": workspace.id, "email": ours})
        other.commit()
        assert worker.result() is Outcome.ENDED
    db.session.refresh(row)
    assert counts(row) == {"rows": 1_500, "new": 500, "updated": 1_000}


def test_a_worker_whose_import_was_taken_over_writes_neither_half(workspace, row, tmp_path):
    before = stored(workspace)
    with db.engine.connect() as connection:
        claim = Claim("somebody else's", ImportState.RUNNING)
        job = Job(connection, row.id, claim, files.stores(tmp_path), Turn(nobody))
        batch = batch_of(PEOPLE)
        split(batch)
        with Halves.ready(job, orders_of(row)) as both, pytest.raises(LostClaimError):
            both.write(batch, 1)
    assert stored(workspace) == before
    assert second_halves(row) == 0
