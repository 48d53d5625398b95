"""Real workers, few threads: a large campaign beside a small one, a rate over two processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db, redis
from tests.faults.scene import SLOWER
from tests.sending.engine import Engine, start
from tests.sending.test_neighbours import STANDSTILL
from tests.smtp_sink import SmtpSink
from tests.stack.workers import Workers, workers

pytestmark = pytest.mark.stack

LATENCY = 0.05
"""Seconds a round trip: a connection carries at most twenty e-mails a second."""
PATIENCE = 150 * SLOWER


def wait_until(done: Callable[[], bool], stack: Workers) -> float:
    """Seconds it took."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < PATIENCE, stack.logs()
        time.sleep(0.05)
    return time.monotonic() - began


def launch(app: Flask, sink: SmtpSink, folder: Path, **options: int) -> Engine:
    """Start a campaign as the page does: nobody has planned it yet."""
    engine = start(sink, folder, **options)
    app.extensions["celery"].send_task("dispatch.tick")
    return engine


def seconds_of(app: Flask, folder: Path, stack: Workers) -> float:
    """How long a hundred e-mails over two connections take now."""
    with SmtpSink(latency=LATENCY) as sink:
        launch(app, sink, folder, people=100, max_connections=2)
        return wait_until(lambda: len(sink.accepted) == 100, stack)


def test_a_large_campaign_delays_a_small_one_by_its_own_time_at_most(
    live_app: Flask, tmp_path: Path
):
    config = replace(live_app.extensions["carillon_config"], workers=1, sending_threads=8)
    with workers(config, tmp_path, jobs=False) as stack, SmtpSink(latency=LATENCY) as crowd:
        seconds_of(live_app, tmp_path, stack)  # the workers have come up
        alone = seconds_of(live_app, tmp_path, stack)
        large = launch(live_app, crowd, tmp_path, people=8_000, max_connections=48)
        wait_until(lambda: len(crowd.accepted) > 100, stack)
        assert crowd.max_concurrent >= 6  # it has nearly all there is
        beside = seconds_of(live_app, tmp_path, stack)
        assert large.status() == "sending"
    assert beside <= 2 * alone + STANDSTILL


@pytest.mark.faults  # for its eighty seconds
def test_no_sliding_minute_holds_more_than_its_rate(live_app: Flask, tmp_path: Path):
    config = replace(live_app.extensions["carillon_config"], workers=2, sending_threads=4)
    stack = workers(config, tmp_path, sending=2, jobs=False)
    with SmtpSink(latency=0.02) as sink, stack as running:
        engine = start(sink, tmp_path, people=60, max_connections=4)
        db.session.execute(text("UPDATE campaigns SET tpm = 45"))
        db.session.commit()
        wait_until(lambda: len(sink.accepted) >= 20, running)
        redis.client.flushall()
        wait_until(lambda: engine.status() == "completed", running)
    times = [record.time for record in sink.accepted]
    assert len(times) == 60
    assert max(sum(at <= one < at + 60 for one in times) for at in times) <= 45
    assert times[-1] - times[0] < 80 * SLOWER + 20  # but nearly that many
