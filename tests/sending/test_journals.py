"""The journals' lives: fresh at the start, kept while in doubt, gone when nobody needs them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.sending import journal_names, recover, slots
from campaign_app.sending.journal import Journal, read
from campaign_app.sending.leases import Lease, boot_clock, heartbeat
from campaign_app.sending.line import Line
from tests.sending.engine import Engine, start
from tests.smtp_sink import SmtpSink


@pytest.fixture
def engine(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        yield start(sink, tmp_path)


def leave_behind(engine: Engine, name: str, *, hours: float) -> Path:
    """A journal of a connection that ended so long ago without deleting it."""
    path = engine.workshop.journals / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with Journal(path) as journal:
        journal.begin(1)
    before = time.time() - hours * 3600
    os.utime(path, (before, before))
    return path


def test_a_journal_of_another_time_is_not_believed(engine: Engine):
    path = leave_behind(engine, journal_names.of(7, 0, 1), hours=0)
    line = Line(engine.workshop, Lease(7, 0, 1, boot_clock() + 60))
    assert read(path) == {}
    line.close(keep_journal=False)


def test_old_journals_are_deleted_unless_a_batch_still_names_them(engine: Engine):
    engine.plan()
    old = leave_behind(engine, "1-0-1.journal", hours=30)
    young = leave_behind(engine, "1-0-2.journal", hours=1)
    needed = leave_behind(engine, "1-0-3.journal", hours=30)
    db.session.execute(text("UPDATE batches SET journal = '1-0-3.journal', state = 'sending'"))
    db.session.commit()
    assert recover.tidy(engine.workshop.journals) == 1
    assert [path.exists() for path in (old, young, needed)] == [False, True, True]


def test_the_journal_of_a_living_drain_is_never_old(engine: Engine):
    lease = slots.win(engine.sender.id, worker="living")
    assert lease is not None
    name = journal_names.of(lease.sender_id, lease.slot, lease.slot_fence)
    written_long_ago = leave_behind(engine, name, hours=30)
    assert recover.tidy(engine.workshop.journals) == 0
    slots.release(lease)
    assert recover.tidy(engine.workshop.journals) == 1
    assert not written_long_ago.exists()


def test_a_drain_without_a_journal_keeps_no_slot(engine: Engine):
    engine.plan()
    engine.round()
    engine.workshop.journals.write_text("a file where the folder should be")
    with pytest.raises(OSError, match="exists"):
        engine.drain()
    assert heartbeat.watched == 0
