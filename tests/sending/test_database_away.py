"""The database drops its connections in mid-campaign: every message is still accounted for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from campaign_app.extensions import db
from campaign_app.sending import dispatch
from tests.sending.engine import start
from tests.smtp_sink import SmtpSink
from tests.waiting import PATIENCE

LEASE = 4
CUT = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@contextmanager
def cut_connections(app: Flask) -> Iterator[None]:
    """Somebody ends every connection to the database again and again, while the block lasts."""
    over, engine = threading.Event(), create_engine(app.config["SQLALCHEMY_DATABASE_URI"])

    def cut() -> None:
        while not over.wait(0.7):
            with engine.begin() as connection:
                connection.execute(CUT)

    vandal = threading.Thread(target=cut)
    vandal.start()
    try:
        yield
    finally:
        over.set()
        vandal.join()
        engine.dispose()


def test_cut_connections_lose_nothing_and_send_nothing_twice(live_app: Flask, tmp_path: Path):
    with SmtpSink(latency=0.01) as sink:
        engine = start(sink, tmp_path, people=150)
        engine.workshop = replace(engine.workshop, lease_seconds=LEASE)
        engine.plan()
        engine.round()
        # Its very last step may fail, too: then its slot's lease runs out by itself.
        with cut_connections(live_app), suppress(DBAPIError):
            engine.drain()
        db.session.rollback()
        deadline = time.monotonic() + PATIENCE
        while engine.status() != "completed" and time.monotonic() < deadline:
            engine.run()
            time.sleep(0.2)
    assert engine.statuses() == {"sent": 150}
    assert sink.accepted_twice() == []


def test_a_step_that_fails_does_not_keep_the_others_from_their_work(
    live_app: Flask, tmp_path: Path
):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        engine.plan()
        db.session.execute(text("ALTER TABLE campaigns RENAME COLUMN scheduled_at TO broken"))
        db.session.execute(text("ALTER TABLE campaigns ADD COLUMN scheduled_at text"))
        db.session.commit()
        assert dispatch.go_round(journals=engine.workshop.journals, capacity=4).bells
