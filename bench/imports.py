"""Rows a second, CPU a row and memory of imports, beside pandas and ORM objects.

    bin/bench imports [--rows 1000000] [--excel-rows 100000] [--naive-rows 5000] [--groups 0]

A file (address, name, five attributes; 5 % of the rows repeat somebody, 1 % are bad) goes through
the Procfile's own workers into a durable PostgreSQL: the dry run, the first import, an update of
the same people by a second edition of the file, and the undo of both. Then the same as .xlsx, and
the naive way (bench/naive_import.py), which is slow, so that it gets fewer rows.

The clock runs from the doorbell until the import's row says that everybody can be used. CPU is that
of the `worker` (all its processes) and of the `database`; memory is the largest resident size of a
worker's process, everything that it has loaded included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from sqlalchemy import insert, select

from bench import contest, lists, options, stack
from bench.awake import awake
from bench.meter import Meter, Run
from bench.stack import ROOT, Stack
from campaign_app.extensions import db
from campaign_app.imports import preview
from campaign_app.lib import clock
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import Group

GOALS = {"csv": 40_000, "xlsx": 20_000}
MEMORY_GOAL = 150
PATIENCE = 1800
WARM_ROWS = 2_000
"""A first file, in which the worker starts and everything gets warm."""


def main(arguments: Sequence[str]) -> None:
    """Import each kind of file in all ways, and print the figures."""
    asked = _options(arguments)
    with stack.running(sending=0) as running, awake():
        running.start("jobs")
        _in_all_ways(running, "csv", WARM_ROWS, 0)
        found = {}
        for kind, rows in (("csv", asked.rows), ("xlsx", asked.excel_rows)):
            if rows:
                found[kind] = _in_all_ways(running, kind, rows, asked.groups)
        if asked.naive_rows:
            _naive(running, asked.naive_rows)
        print("Goals:")
        for kind, first in found.items():
            contest.verdict(f"first import of .{kind}, rows a second", first.rate, GOALS[kind])
        memory = _peak_memory(running) / 1e6
        contest.verdict("peak memory of a worker", memory, MEMORY_GOAL, unit=" MB", most=True)
        db.session.remove()


def _in_all_ways(running: Stack, kind: str, rows: int, groups: int) -> Run:
    """Try, import, update and undo; gives the first import."""
    print(f"{rows:,} rows of .{kind}:", flush=True)
    workspace = _workspace()
    group_ids = [_group(workspace, number) for number in range(groups)]
    first = _upload(running, workspace, kind, rows, edition=1, group_ids=group_ids)
    second = _upload(running, workspace, kind, rows, edition=2, group_ids=group_ids)
    _run(running, "dry run", first, ImportState.CHECKING, rows)
    found = _run(running, "first import", first, ImportState.WAITING, rows)
    _run(running, "dry run of an update", second, ImportState.CHECKING, rows)
    _run(running, "update of the same people", second, ImportState.WAITING, rows)
    _run(running, "undo of the update", second, ImportState.UNDOING, rows)
    _run(running, "undo of the first import", first, ImportState.UNDOING, rows)
    return found


def _workspace() -> Workspace:
    workspace = Workspace(name="Bench")
    db.session.add(workspace)
    db.session.commit()
    return workspace


def _group(workspace: Workspace, number: int) -> int:
    made = insert(Group).values(workspace_id=workspace.id, name=f"Group {number}")
    group_id = db.session.scalars(made.returning(Group.id)).one()
    db.session.commit()
    return group_id


def _upload(
    running: Stack,
    workspace: Workspace,
    kind: str,
    rows: int,
    *,
    edition: int,
    group_ids: list[int],
) -> Import:
    """A file in its place, with its columns matched as they are proposed."""
    path = running.folder / "state" / "uploads" / f"{edition}.{kind}"
    path.parent.mkdir(exist_ok=True)
    lists.write(path, rows, edition=edition)
    shown = preview.preview(path, preview.detect(path))
    row = Import(
        workspace_id=workspace.id,
        filename=path.name,
        storage_key=f"uploads/{path.name}",
        size=path.stat().st_size,
        options=shown.dialect.as_options(),
        mapping=[column.as_entry() for column in shown.columns],
        group_ids=group_ids,
    )
    db.session.add(row)
    db.session.commit()
    return row


def _run(running: Stack, name: str, row: Import, state: ImportState, rows: int) -> Run:
    """Ring for an import, and wait until the work is done."""
    row.state, row.heartbeat_at, row.worker, row.rows = state, clock.now(), "", 0
    db.session.commit()
    meter = Meter({"worker": _workers(running), "database": running.parties()["database"]})
    running.app.extensions["celery"].send_task("jobs.run_import", args=(row.id,), queue="jobs")
    _wait(row)
    run = meter.read(rows)
    parts = [f"{who} {run.cpu_a_mail(who):.1f} µs" for who in run.cpu]
    print(f"  {name:<26} {run.rate:>8,.0f}/s   CPU a row: {' · '.join(parts)}", flush=True)
    return run


def _wait(row: Import) -> None:
    working = (ImportState.WAITING, ImportState.RUNNING, ImportState.CHECKING, ImportState.UNDOING)
    latest = select(Import.state).where(
        Import.workspace_id == row.workspace_id, Import.id == row.id
    )
    give_up = time.monotonic() + PATIENCE
    while db.session.scalars(latest).one() in working:
        db.session.rollback()
        if time.monotonic() > give_up:
            raise SystemExit("The workers have not come to an end.")
        time.sleep(0.02)
    db.session.refresh(row)
    if row.error:
        raise SystemExit(row.error)


def _workers(running: Stack) -> list[psutil.Process]:
    return [psutil.Process(program.pid) for program in running.running["jobs"]]


def _peak_memory(running: Stack) -> int:
    """The largest peak of resident memory of any worker process, in bytes."""
    found = [one for worker in _workers(running) for one in worker.children(recursive=True)]
    return max(stack.peak(one.pid) for one in found)


def _naive(running: Stack, rows: int) -> None:
    print(f"{rows:,} rows, pandas and ORM objects:", flush=True)
    workspace = _workspace()
    for kind in GOALS:
        path = running.folder / f"naive.{kind}"
        lists.write(path, rows, edition=1)
        meter = Meter({"database": running.parties()["database"]})
        _naive_process(running, path, workspace)
        run = meter.read(rows)
        cpu = run.cpu_a_mail("database")
        print(f"  .{kind:<25} {run.rate:>8,.0f}/s   CPU a row: database {cpu:.1f} µs")


def _naive_process(running: Stack, path: Path, workspace: Workspace) -> None:
    command = [sys.executable, "-m", "bench.naive_import", str(path), str(workspace.id)]
    subprocess.run(command, check=True, cwd=ROOT, env=running.environment)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options.parser(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the CSV file (1,000,000)")
    parser.add_argument("--excel-rows", type=int, default=100_000, help="of the workbook (100,000)")
    parser.add_argument("--naive-rows", type=int, default=5_000, help="of the naive way (5,000)")
    parser.add_argument("--groups", type=int, default=0, help="that everybody joins (none)")
    return parser.parse_args(arguments)
