"""A thousand recipients, real Celery workers, a recording server: every message accounted for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from flask import Flask

from tests.sending.engine import Engine, start
from tests.smtp_sink import SmtpSink
from tests.stack.workers import Workers, workers

PEOPLE = 1_000


def wait_for(engine: Engine, status: str, stack: Workers, *, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while engine.status() != status:
        assert time.monotonic() < deadline, f"{engine.counts()}\n{stack.logs()}"
        time.sleep(0.2)


@pytest.mark.stack
def test_a_thousand_are_sent_once_by_real_workers(live_app: Flask, tmp_path: Path):
    config = live_app.extensions["carillon_config"]
    with SmtpSink() as sink, workers(config, tmp_path, sending=2) as stack:
        engine = start(sink, tmp_path, people=PEOPLE, max_connections=4)
        wait_for(engine, "completed", stack)
    counts = engine.counts()
    assert (counts.sent, counts.total, counts.done) == (PEOPLE, PEOPLE, PEOPLE)
    ledger = [record.rcpt for record in sink.accepted]
    assert sorted(ledger) == sorted(f"p{n}@example.com" for n in range(PEOPLE))
    assert len({record.message_id for record in sink.accepted}) == PEOPLE
    assert sink.max_concurrent <= 4
