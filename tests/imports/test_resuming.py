"""Imports that are interrupted, by others or by force, and go on."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import insert, select

from campaign_app.extensions import db
from campaign_app.imports import job, merge
from campaign_app.imports.run import Outcome
from campaign_app.lib import clock
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.recipients import Recipient
from tests import factories
from tests.imports.imported import an_import, stored, work
from tests.stack import workers
from tests.waiting import until


def counts(row: Import) -> dict[str, int]:
    return {name: getattr(row, name) for name in job.COUNTS if getattr(row, name)}


def people(workspace) -> dict[str, Recipient]:
    db.session.expire_all()
    query = select(Recipient).where(Recipient.workspace_id == workspace.id)
    return {person.email: person for person in db.session.scalars(query)}


def test_a_long_import_lets_others_pass_and_goes_on_where_it_stood(
    workspace, tmp_path, monkeypatch
):
    monkeypatch.setattr(job, "BATCH_ROWS", 100)
    monkeypatch.setattr(job, "TURN_SECONDS", 0)
    lines = "".join(f"user{n}@x.com,{n}\n" for n in range(150))
    row = an_import(workspace, tmp_path, f"email,number\nbad,1\n{lines}user3@x.com,again\n")
    assert work(row, tmp_path, others_wait=lambda: True) is Outcome.PUT_BACK
    assert (row.state, row.worker, row.rows) == (ImportState.WAITING, "", 100)
    assert work(row, tmp_path, others_wait=lambda: False) is Outcome.ENDED
    assert counts(row) == {"rows": 152, "new": 150, "duplicates": 1, "invalid": 1}
    assert people(workspace)["user3@x.com"].attributes == {"number": "again"}


def test_everybody_says_which_import_brought_them(workspace, tmp_path):
    known = factories.recipient(workspace, email="known@x.com")
    row = an_import(workspace, tmp_path, "email\nknown@x.com\nnew@x.com\n")
    work(row, tmp_path)
    found = people(workspace)
    assert (found["new@x.com"].import_id, found[known.email].import_id) == (row.id, None)


def test_somebody_who_writes_the_same_people_at_once_only_costs_another_try(
    workspace, tmp_path, monkeypatch
):
    look_up = merge.Merger._look_up
    others = iter(["a@x.com"])

    def look_up_and_be_overtaken(self, *asked):
        known = look_up(self, *asked)
        for email in others:
            with db.engine.begin() as other:
                other.execute(insert(Recipient).values(workspace_id=workspace.id, email=email))
        return known

    monkeypatch.setattr(merge.Merger, "_look_up", look_up_and_be_overtaken)
    row = an_import(workspace, tmp_path, "email,name\na@x.com,Ann\nb@x.com,Bob\n")
    work(row, tmp_path)
    assert counts(row) == {"rows": 2, "new": 1, "updated": 1}
    assert people(workspace)["a@x.com"].name == "Ann"


KILLED = """
import sys, time
from campaign_app import create_app
from campaign_app.imports import job, run
from config import Config
job.BATCH_ROWS, job.TURN_SECONDS = 1_000, 0
batches = iter(range(10))
def stand_still_half_way():
    if next(batches, None) is None:
        time.sleep(600)
    return False
app = create_app(Config.from_environ())
with app.app_context():
    stores = app.extensions["stores"]
    run.run(int(sys.argv[1]), stores=stores, others_wait=stand_still_half_way)
"""


def test_a_worker_that_is_killed_half_way_loses_nothing_and_adds_nobody_twice(
    workspace, import_app, tmp_path, monkeypatch
):
    monkeypatch.setattr(job, "BATCH_ROWS", 1_000)
    before = stored(workspace)
    lines = "".join(f"user{n},x\nuser{n}@x.com,{n % 7}\n" for n in range(10_000))
    row = an_import(workspace, tmp_path, f"email,number\n{lines}")
    config = replace(import_app.extensions["carillon_config"], state_dir=str(tmp_path))
    begin_and_kill(row, os.environ | workers.environment(config))
    assert 0 < row.rows < 20_000
    row.heartbeat_at = clock.now() - timedelta(minutes=5)
    db.session.commit()
    work(row, tmp_path)
    assert counts(row) == {"rows": 20_000, "new": 10_000, "invalid": 10_000}
    assert len(stored(workspace)) == 10_000
    work(row, tmp_path, ImportState.UNDOING)
    assert (row.removed, row.spared, stored(workspace)) == (10_000, 0, before)


def begin_and_kill(row: Import, environment: dict[str, str]) -> None:
    worker = subprocess.Popen([sys.executable, "-c", KILLED, str(row.id)], env=environment)
    try:
        until(lambda: rows_of(row) >= 1_000)
    finally:
        worker.kill()
        worker.wait()


def rows_of(row: Import) -> int:
    """How many of them are in."""
    db.session.refresh(row)
    number = row.rows
    db.session.rollback()
    return number
