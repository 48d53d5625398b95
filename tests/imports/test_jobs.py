"""Imports in the queue: rung by the page, and again by the sweep when nobody came."""

from __future__ import annotations

import ast
import json
from datetime import timedelta
from io import BytesIO

import pytest
from celery import current_app
from flask import current_app as flask_app

from campaign_app.extensions import db, redis
from campaign_app.imports import job
from campaign_app.lib import clock
from campaign_app.models.imports import Import, ImportState
from campaign_app.tasks import jobs
from campaign_app.tasks.queues import JOBS
from tests import factories


@pytest.fixture(autouse=True)
def quiet_queue(import_app):
    former = current_app._get_current_object()
    import_app.extensions["celery"].set_current()
    redis.client.flushdb()
    yield
    redis.client.flushdb()
    former.set_current()


def rung() -> list[int]:
    messages = [json.loads(message) for message in redis.client.lrange(JOBS, 0, -1)]
    return sorted(ast.literal_eval(message["headers"]["argsrepr"])[0] for message in messages)


def an_import(workspace, state: ImportState, *, seconds_ago: int) -> Import:
    heartbeat = clock.now() - timedelta(seconds=seconds_ago)
    row = Import(workspace_id=workspace.id, filename="x", storage_key="uploads/x", size=1)
    row.state, row.heartbeat_at = state, heartbeat
    return factories.save(row)


def test_the_page_rings_for_its_import(workspace):
    jobs.ring_import(7)
    assert rung() == [7]


def test_the_sweep_rings_for_those_that_nobody_works_at(workspace):
    lost = an_import(workspace, ImportState.WAITING, seconds_ago=90)
    dead = an_import(workspace, ImportState.RUNNING, seconds_ago=90)
    working = an_import(workspace, ImportState.RUNNING, seconds_ago=5)
    done = an_import(workspace, ImportState.DONE, seconds_ago=9_000)
    jobs.sweep_imports()
    ours = {lost.id, dead.id, working.id, done.id}
    assert ours & set(rung()) == {lost.id, dead.id}


def test_the_task_does_the_work(workspace):
    row = an_import(workspace, ImportState.WAITING, seconds_ago=1)
    jobs.run_import(row.id)
    db.session.refresh(row)
    assert row.state == ImportState.FAILED


def test_a_long_import_goes_to_the_end_of_the_queue_when_others_wait(workspace, monkeypatch):
    monkeypatch.setattr(job, "BATCH_ROWS", 100)
    monkeypatch.setattr(job, "TURN_SECONDS", 0)
    text = "email\n" + "".join(f"user{n}@x.com\n" for n in range(150))
    row = an_import(workspace, ImportState.WAITING, seconds_ago=1)
    row.storage_key, row.size = flask_app.extensions["stores"].keep(BytesIO(text.encode()))
    row.mapping = [{"header": "email", "target": "email", "key": ""}]
    db.session.commit()
    jobs.ring_import(999)
    jobs.run_import(row.id)
    assert rung() == [row.id, 999]
    db.session.refresh(row)
    assert (row.state, row.rows) == (ImportState.WAITING, 100)
    redis.client.flushdb()
    jobs.run_import(row.id)
    db.session.refresh(row)
    assert (row.state, row.new) == (ImportState.DONE, 150)
