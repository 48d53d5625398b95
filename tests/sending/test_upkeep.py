"""The thread by which each sending process looks after its own host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.sending import journal_names, stopping, upkeep
from campaign_app.sending.claims import claim, open_window
from campaign_app.sending.journal import Journal
from tests.sending.engine import Engine, start
from tests.smtp_sink import SmtpSink
from tests.waiting import PATIENCE, until

NAME = journal_names.of(1, 0, 1)


@pytest.fixture
def engine(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        yield start(sink, tmp_path, people=6)


@contextmanager
def looking_after(engine: Engine, app: Flask) -> Iterator[None]:
    """The thread goes round quickly while the block lasts, and then ends."""
    thread = upkeep.start(engine.workshop.journals, app.app_context, seconds=0.05)
    try:
        yield
    finally:
        stopping.want()
        thread.join(PATIENCE)
        stopping.forget()
    assert not thread.is_alive()


def die(engine: Engine) -> None:
    """A worker of this host dies with an open window; its journal is left."""
    engine.plan()
    engine.round()
    won = claim(engine.sender.id, worker="dead", journal=NAME, most=1)
    assert won is not None
    open_window(won, most=6)
    db.session.execute(text("UPDATE batches SET lease_until = now() - interval '1 second'"))
    db.session.commit()
    engine.workshop.journals.mkdir(parents=True, exist_ok=True)
    Journal(engine.workshop.journals / NAME).close()


def is_taken_back() -> bool:
    db.session.rollback()
    return db.session.scalar(text("SELECT state FROM batches")) == "pending"


def test_it_takes_back_what_died_on_this_host(engine: Engine, live_app: Flask):
    die(engine)
    with looking_after(engine, live_app):
        until(is_taken_back)
    assert engine.statuses() == {"pending": 6}


def test_it_goes_on_after_a_failure(
    engine: Engine, live_app: Flask, caplog: pytest.LogCaptureFixture
):
    die(engine)
    db.session.execute(text("ALTER TABLE lost_windows RENAME TO away"))
    db.session.commit()
    with looking_after(engine, live_app):
        until(lambda: "lost_windows" in caplog.text)
        db.session.execute(text("ALTER TABLE away RENAME TO lost_windows"))
        db.session.commit()
        until(is_taken_back)


def test_nothing_ends_it_but_the_end_of_the_process(tmp_path: Path):
    rounds: list[int] = []

    def fail() -> AbstractContextManager[object]:
        rounds.append(1)
        raise LookupError("a row that nobody foresaw")

    thread = upkeep.start(tmp_path, fail, seconds=0.01)
    until(lambda: len(rounds) > 1)
    stopping.want()
    thread.join(PATIENCE)
    stopping.forget()
    assert not thread.is_alive()


def test_without_a_folder_there_is_nothing_to_do(engine: Engine):
    upkeep.look_after(engine.workshop.journals)
    assert not engine.workshop.journals.exists()
