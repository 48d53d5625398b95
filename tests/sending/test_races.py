"""Two who act at the same moment: whoever comes second sees what the first has done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict
from campaign_app.sending import ending, recover, stopping
from campaign_app.sending.deliver import End
from campaign_app.sending.results import FenceError, record
from campaign_app.services import retry
from tests.sending.engine import start
from tests.sending.incidents import EventfulSink, Incident
from tests.sending.test_recover import die_in_mid_window
from tests.smtp_sink import Fault, SmtpSink
from tests.waiting import PATIENCE, until_somebody_waits_for


def refuse_once() -> Fault:
    return Fault("rcpt", reply="554 5.3.0 broken", rcpt="p1@", times=1)


@contextmanager
def meanwhile(app: Flask, act: Callable[[], object]) -> Iterator[None]:
    """`act` in another thread, which waits for what our session holds when the block begins."""

    def run() -> None:
        with app.app_context():
            act()

    thread = threading.Thread(target=run)
    thread.start()
    until_somebody_waits_for(db.session.connection())
    yield
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_retry_during_the_last_count_keeps_the_campaign_open(live_app: Flask, tmp_path: Path):
    with SmtpSink([refuse_once()]) as sink:
        engine = start(sink, tmp_path)
        engine.plan()
        engine.round()
        engine.drain()  # all are terminal, and the next round would complete it
        retry.retry_failed(engine.workspace, engine.campaign)
        with meanwhile(live_app, ending.settle):
            db.session.commit()
        assert engine.status() == "sending"
        engine.run()
    assert engine.statuses() == {"sent": 3}
    assert (engine.counts().sent, engine.counts().failed) == (3, 0)


def test_a_campaign_without_its_sender_cannot_be_tried_again(live_app: Flask, tmp_path: Path):
    with SmtpSink([refuse_once()]) as sink:
        engine = start(sink, tmp_path)
        engine.run()
    db.session.execute(text("UPDATE campaigns SET sender_id = NULL"))
    db.session.commit()
    engine.refresh()
    with pytest.raises(Conflict, match="sender"):
        retry.retry_failed(engine.workspace, engine.campaign)
    db.session.rollback()
    assert engine.status() == "completed"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("550 5.7.1 this looks like spam", ("paused", "active")),
        ("554 5.7.1 Rate limit exceeded", ("sending", "cooling")),
        ("550 5.1.1 nobody here", ("sending", "active")),
    ],
)
def test_what_a_server_objects_to_holds_though_the_batch_was_taken_over(
    live_app: Flask, tmp_path: Path, words: str, expected: tuple[str, str]
):
    def take_over(deed: str) -> None:
        with live_app.app_context():
            db.session.execute(text("UPDATE batches SET fence = fence + 1 WHERE state = 'sending'"))
            db.session.commit()

    refusal = Fault("rcpt", reply=words)
    with EventfulSink(take_over) as sink:
        sink.expect([Incident("rcpt", n, refusal, deed="overtake" * (n == 1)) for n in (1, 2, 3)])
        engine = start(sink, tmp_path)
        engine.plan()
        engine.round()
        engine.drain()
        assert not sink.failures
        assert (engine.status(), engine.sender_state()) == expected
        assert engine.statuses() == {"pending": 3}


def test_a_stop_while_connecting_is_not_held_against_the_sender(live_app: Flask, tmp_path: Path):
    with SmtpSink([Fault("connect", hang=30)]) as sink:
        engine = start(sink, tmp_path)
        engine.plan()
        engine.round()
        timer = threading.Timer(0.5, stopping.want)
        timer.start()
        try:
            assert engine.drain() == End.STOPPED
        finally:
            timer.join()
            stopping.forget()
    assert engine.sender_state() == "active"


def test_a_server_that_answers_out_of_order_rests_the_sender(live_app: Flask, tmp_path: Path):
    with SmtpSink([Fault("rcpt", reply="503 5.5.1 bad sequence of commands")]) as sink:
        engine = start(sink, tmp_path)
        engine.plan()
        engine.round()
        engine.drain()
    assert engine.sender_state() == "cooling"
    assert sink.connections <= 4


def test_a_late_write_and_the_taking_back_never_wait_for_each_other(
    live_app: Flask, tmp_path: Path
):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        late, window = die_in_mid_window(engine, window=2)
    journals = engine.workshop.journals
    db.session.execute(text("SELECT id FROM messages FOR UPDATE"))  # a write's first half
    with meanwhile(live_app, lambda: recover.take_back(journals)):
        with pytest.raises(FenceError):
            record(late.held, sent=window)
        db.session.rollback()
    assert engine.statuses() == {"unconfirmed": 2, "pending": 1}
