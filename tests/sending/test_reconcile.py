"""Check and repair: what one press puts right, and that it leaves alone what is right."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict
from campaign_app.sending import journal_names
from campaign_app.sending.claims import claim, open_window
from campaign_app.sending.journal import Journal
from campaign_app.sending.reconcile import Report, reconcile
from campaign_app.services import audit
from tests.sending.engine import Engine, start
from tests.smtp_sink import Fault, SmtpSink

NAME = journal_names.of(1, 0, 1)


@pytest.fixture
def sink():
    with SmtpSink() as running:
        yield running


@pytest.fixture
def engine(live_app: Flask, sink: SmtpSink, tmp_path: Path):
    return start(sink, tmp_path, people=6)


def check(engine: Engine) -> Report:
    engine.refresh()
    return reconcile(engine.workspace, engine.campaign, journals=engine.workshop.journals)


def change(statement: str) -> None:
    db.session.execute(text(statement))
    db.session.commit()


def test_a_campaign_in_order_is_left_alone(engine: Engine):
    engine.run()
    before = engine.counts()
    report = check(engine)
    assert report.is_clean
    assert (report.checked, report.findings) == (1, [])
    assert engine.counts() == before
    assert engine.status() == "completed"


def test_a_draft_has_nothing_to_check(engine: Engine):
    engine.set_status("draft")
    with pytest.raises(Conflict):
        check(engine)


def test_dead_workers_batches_are_taken_back_and_called_for(engine: Engine):
    engine.plan()
    engine.round()
    won = claim(engine.sender.id, worker="dead", journal=NAME, most=1)
    assert won is not None
    open_window(won, most=6)
    change("UPDATE batches SET lease_until = now() - interval '1 second'")
    engine.workshop.journals.mkdir(parents=True)
    Journal(engine.workshop.journals / NAME).close()
    report = check(engine)
    assert (report.taken_back, report.given_back, report.doorbells) == (1, 6, 1)
    assert "6 messages had not left yet and will be sent." in report.findings
    engine.drain()
    assert engine.statuses() == {"sent": 6}


def test_a_lease_without_an_end_is_one_that_ran_out(engine: Engine):
    engine.plan()
    change("UPDATE batches SET state = 'sending', lease_until = NULL")
    assert check(engine).taken_back == 1


def test_due_retries_are_made_ready(live_app: Flask, tmp_path: Path):
    with SmtpSink([Fault("rcpt", reply="451 4.3.0 later", rcpt="p1@", times=1)]) as sink:
        engine = start(sink, tmp_path)
        engine.plan()
        engine.round()
        engine.drain()
        engine.make_due()
        assert check(engine).retried == 1
        engine.drain()
    assert engine.statuses() == {"sent": 3}


def test_wrong_counts_are_counted_anew(engine: Engine):
    engine.plan()
    engine.round()
    engine.drain()
    change("UPDATE batches SET sent = 4, failed = 1, size = 7")
    report = check(engine)
    assert (report.repaired, report.completed) == (1, True)
    assert (engine.counts().sent, engine.counts().failed) == (6, 0)
    assert engine.status() == "completed"


def test_frozen_counts_follow_the_messages(engine: Engine):
    engine.run()
    change("UPDATE messages SET status = 'failed' WHERE address LIKE 'p1@%'")
    assert check(engine).repaired == 1
    assert (engine.counts().sent, engine.counts().failed) == (5, 1)
    assert engine.status() == "completed"


def test_a_finished_batch_with_something_to_send_is_opened_again(engine: Engine, sink: SmtpSink):
    engine.run()
    change("UPDATE messages SET status = 'pending' WHERE address LIKE 'p1@%'")
    report = check(engine)
    assert (report.repaired, report.reopened) == (1, True)
    engine.drain()
    engine.run()
    assert engine.status() == "completed"
    assert len(sink.accepted) == 7


def test_a_deferred_message_without_a_time_gets_one(engine: Engine):
    engine.run()
    change("UPDATE messages SET status = 'deferred' WHERE address LIKE 'p1@%'")
    assert check(engine).repaired == 1
    assert engine.statuses() == {"sent": 5, "deferred": 1}
    engine.run()
    assert engine.statuses() == {"sent": 6}


def test_a_batch_in_somebodys_hands_keeps_its_window(engine: Engine):
    engine.plan()
    engine.round()
    won = claim(engine.sender.id, worker="busy", journal=NAME, most=1)
    assert won is not None
    open_window(won, most=4)
    db.session.commit()
    change("UPDATE batches SET sent = 2")
    assert check(engine).repaired == 1
    row = db.session.execute(text("SELECT state, opened, sent, opened_through FROM batches")).one()
    assert (row.state, row.opened, row.sent) == ("sending", 4, 0)
    assert row.opened_through is not None


def test_lost_doorbells_are_counted_and_a_resting_sender_is_let_rest(engine: Engine):
    engine.plan()
    assert check(engine).doorbells == 1
    engine._set("senders", engine.sender.id, "state", "cooling")
    report = check(engine)
    assert (report.doorbells, report.withdrawn) == (0, 1)


def test_an_unplanned_campaign_is_to_be_planned(engine: Engine):
    report = check(engine)
    assert report.to_plan
    assert not report.is_clean


def test_messages_in_no_batch_are_told_of(engine: Engine):
    engine.plan()
    change("UPDATE campaigns SET total = 8")
    report = check(engine)
    assert report.missing == 2
    assert any("cannot be found" in words for words in report.findings)


def test_the_log_tells_what_was_found(engine: Engine):
    engine.run()
    change("UPDATE batches SET sent = 0")
    check(engine)
    said = audit.recent(engine.workspace, limit=1)[0][0].summary
    assert "did not match the messages" in said


def test_another_campaign_is_left_alone(engine: Engine, sink: SmtpSink, tmp_path: Path):
    other = start(sink, tmp_path)
    other.run()
    engine.run()
    change(f"UPDATE batches SET sent = 0 WHERE campaign_id = {other.campaign.id}")
    assert check(engine).is_clean
    assert check(other).repaired == 1
