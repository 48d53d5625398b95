"""A window heeds what people change while it is handed over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.sending import changes
from tests.sending.engine import Engine, start
from tests.sending.test_pace import drains
from tests.smtp_sink import SmtpSink
from tests.waiting import until

LATENCY = 0.05
"""Seconds a message: a window of 50, which is the first, takes 2.5."""
LONG = 6 * LATENCY
"""Whoever stands still for ten seconds still comes before the window's end."""


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink(latency=LATENCY) as sink:
        yield sink


@pytest.fixture
def engine(live_app: Flask, sink: SmtpSink, tmp_path: Path) -> Engine:
    engine = start(sink, tmp_path, people=100)
    engine.plan()
    engine.round()
    return engine


def wait_for(sink: SmtpSink, accepted: int) -> None:
    until(lambda: len(sink.accepted) >= accepted)


@pytest.mark.parametrize(("is_announced", "seconds"), [(True, 0.9), (False, 1.6)])
def test_a_pause_bites_within_the_window(
    live_app: Flask, engine: Engine, sink: SmtpSink, *, is_announced: bool, seconds: float
):
    with drains(live_app, engine, number=1):
        wait_for(sink, 5)
        engine.set_status("paused")
        if is_announced:
            changes.announce()
        sent = len(sink.accepted)
    assert len(sink.accepted) - sent <= seconds / LATENCY
    assert engine.counts().sent == len(sink.accepted)
    assert db.session.scalar(text("SELECT sum(opened) FROM batches")) == 0


def test_what_does_not_concern_it_leaves_a_window_alone(
    live_app: Flask, engine: Engine, sink: SmtpSink
):
    with drains(live_app, engine, number=1):
        wait_for(sink, 5)
        sink.latency = LONG
        for _ in range(3):
            changes.announce()
            wait_for(sink, len(sink.accepted) + 2)
        assert db.session.scalar(text("SELECT sum(opened) FROM batches")) == 50
        db.session.rollback()
        sink.latency = 0
    assert engine.counts().sent == 100
