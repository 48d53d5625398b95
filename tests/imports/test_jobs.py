"""Imports in the queue: rung by the page, and again by the sweep when nobody came."""

from __future__ import annotations

import ast
import json
from datetime import timedelta

import pytest
from celery import current_app

from campaign_app.extensions import db, redis
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
