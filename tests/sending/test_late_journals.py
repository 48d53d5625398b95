"""Journals that turn up after the dispatcher had to do without them."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.sending import dispatch, journal_names, late_journals, recover
from campaign_app.sending.claims import claim, open_window
from campaign_app.sending.journal import Journal
from campaign_app.services import unconfirmed
from campaign_app.services.unconfirmed import Action
from tests import factories
from tests.sending.engine import Engine, start
from tests.smtp_sink import SmtpSink

NAME = journal_names.of(1, 0, 1)
FOREIGN = "1-0-1-00000000.journal"
"""Written in another boot, or on another host: it may have lost its last lines."""


@pytest.fixture
def engine(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        yield start(sink, tmp_path, people=6)


def lose_window(engine: Engine, *, size: int = 6, name: str = NAME) -> list[int]:
    """A worker of another host dies with an open window, and the dispatcher takes it back."""
    engine.plan()
    engine.round()
    won = claim(engine.sender.id, worker="dead", journal=name, most=1)
    assert won is not None
    turns = open_window(won, most=size) or []
    db.session.execute(text("UPDATE batches SET lease_until = now() - interval '1 second'"))
    db.session.commit()
    recover.take_back(engine.workshop.journals)
    return [turn.message_id for turn in turns]


def find(engine: Engine, facts: dict[int, int | None], *, name: str = NAME) -> Path:
    """The journal turns up; None is a message begun and not answered."""
    path = engine.workshop.journals / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with Journal(path) as journal:
        for message_id, code in facts.items():
            journal.begin(message_id)
            if code is not None:
                journal.done(message_id, code)
    return path


def settle(engine: Engine) -> late_journals.Settled:
    return late_journals.settle(engine.workshop.journals)


def windows() -> int:
    return db.session.scalar(text("SELECT count(*) FROM lost_windows")) or 0


def test_it_settles_message_by_message(engine: Engine):
    accepted, refused, for_now, begun, *_ = lose_window(engine)
    assert engine.statuses() == {"unconfirmed": 6}
    find(engine, {accepted: 250, refused: 554, for_now: 451, begun: None})
    found = settle(engine)
    assert (found.sent, found.refused, found.given_back) == (1, 2, 2)
    expected = {"sent": 1, "failed": 1, "deferred": 1, "unconfirmed": 1, "pending": 2}
    assert engine.statuses() == expected
    counts = engine.counts()
    assert {name: getattr(counts, name) for name in ("sent", "failed", "deferred")} == {
        "sent": 1,
        "failed": 1,
        "deferred": 1,
    }
    assert (counts.unconfirmed, counts.pending) == (1, 3)


def test_settling_twice_changes_nothing(engine: Engine):
    accepted, *_ = lose_window(engine)
    find(engine, {accepted: 250})
    settle(engine)
    before = engine.counts()
    assert settle(engine).messages == 0
    assert engine.counts() == before
    assert windows() == 0


def test_a_completed_campaign_reopens_and_ends_with_everybody_sent(engine: Engine):
    first, second, *_ = lose_window(engine)
    engine.round()
    assert engine.status() == "completed"
    find(engine, {first: 250, second: None})
    settle(engine)
    assert engine.status() == "sending"
    engine.run()
    assert engine.status() == "completed"
    assert engine.statuses() == {"sent": 5, "unconfirmed": 1}
    assert engine.campaign.final_counts == engine.counts().as_dict()


def test_the_frozen_counts_follow_where_nothing_is_left_to_send(engine: Engine):
    window = lose_window(engine)
    engine.round()
    find(engine, dict.fromkeys(window, 250))
    settle(engine)
    assert engine.status() == "completed"
    assert (engine.counts().sent, engine.counts().unconfirmed) == (6, 0)


def test_attempts_count_as_if_the_answer_had_been_read_at_once(engine: Engine):
    window = lose_window(engine)
    find(engine, dict.fromkeys(window[:3], 451))
    settle(engine)
    rows = db.session.execute(text("SELECT status, attempts FROM messages ORDER BY id"))
    assert [tuple(row) for row in rows] == [("deferred", 1)] * 3 + [("pending", 0)] * 3


def test_what_somebody_has_decided_is_not_touched(engine: Engine):
    marked, again, left, *_ = window = lose_window(engine)
    user = factories.user()
    for action, one in ((Action.MARK_AS_SENT, marked), (Action.SEND_AGAIN, again)):
        unconfirmed.resolve(
            engine.workspace, engine.campaign, action=action, message_ids=[one], user=user
        )
    db.session.commit()
    find(engine, dict.fromkeys(window[:3], 554))
    assert settle(engine).refused == 1
    failed = db.session.scalars(text("SELECT id FROM messages WHERE status = 'failed'")).all()
    assert failed == [left]


def test_a_second_doubt_about_a_message_is_not_the_first_journals_affair(engine: Engine):
    again, *_ = lose_window(engine, size=1)
    unconfirmed.resolve(
        engine.workspace, engine.campaign, action=Action.SEND_AGAIN, user=factories.user()
    )
    db.session.execute(text("UPDATE messages SET status = 'unconfirmed'"))
    db.session.commit()
    find(engine, {again: 250})
    assert settle(engine).messages == 0


def test_a_journal_of_another_boot_is_believed_only_in_what_it_says(engine: Engine):
    accepted, *_ = lose_window(engine, name=FOREIGN)
    find(engine, {accepted: 250}, name=FOREIGN)
    settle(engine)
    assert engine.statuses() == {"sent": 1, "unconfirmed": 5}
    assert windows() == 1


def test_taking_back_believes_it_no_more(engine: Engine):
    path = find(engine, {}, name=FOREIGN)
    lose_window(engine, name=FOREIGN)
    assert path.exists()
    assert engine.statuses() == {"unconfirmed": 6}


def test_a_suspended_worker_that_hears_its_answer_after_all_is_believed(engine: Engine):
    engine.workshop.journals.mkdir(parents=True)
    with Journal(engine.workshop.journals / NAME) as journal:
        engine.plan()
        (first, *_) = db.session.scalars(text("SELECT id FROM messages ORDER BY id")).all()
        journal.begin(first)
        lose_window(engine)
        assert engine.statuses() == {"unconfirmed": 1, "pending": 5}
        journal.done(first, 250)
        settle(engine)
    assert engine.statuses() == {"sent": 1, "pending": 5}


def test_a_batch_in_somebodys_hands_keeps_its_window(engine: Engine):
    lost, *_ = lose_window(engine, size=1)
    engine.round()
    won = claim(engine.sender.id, worker="next", journal="other", most=1)
    assert won is not None
    open_window(won, most=5)
    db.session.commit()
    find(engine, {lost: 250})
    settle(engine)
    row = db.session.execute(text("SELECT opened, size FROM batches ORDER BY id LIMIT 1")).one()
    assert (row.opened, row.size) == (5, 5)
    assert (engine.counts().sent, engine.counts().sending) == (1, 5)


def test_what_a_cancelled_campaign_gets_back_is_cancelled(engine: Engine):
    first, *_ = lose_window(engine)
    engine.set_status("cancelled")
    engine.round()
    find(engine, {first: 250})
    engine.round()
    engine.round()
    assert engine.statuses() == {"sent": 1, "cancelled": 5}
    assert engine.counts().cancelled == 5


def test_without_its_sender_only_what_arrived_is_settled(engine: Engine):
    first, *_ = lose_window(engine)
    engine.round()
    db.session.execute(text("UPDATE campaigns SET sender_id = NULL"))
    db.session.commit()
    find(engine, {first: 250})
    settle(engine)
    assert engine.statuses() == {"sent": 1, "unconfirmed": 5}
    assert engine.status() == "completed"


def test_a_round_settles_before_it_tidies(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    window = lose_window(engine)
    find(engine, dict.fromkeys(window, 250))
    monkeypatch.setattr(recover, "KEPT_SECONDS", -1)
    engine.round()
    assert engine.statuses() == {"sent": 6}


def test_a_journal_that_may_still_tell_is_kept(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    begun, *_ = lose_window(engine)
    path = find(engine, {begun: None})
    monkeypatch.setattr(recover, "KEPT_SECONDS", -1)
    engine.round()
    assert path.exists()
    db.session.execute(text("UPDATE lost_windows SET created_at = now() - interval '8 days'"))
    db.session.commit()
    dispatch.go_round(journals=engine.workshop.journals, capacity=1)
    assert not path.exists()


def test_only_its_own_leases_are_taken_back_by_a_host(engine: Engine):
    engine.plan()
    engine.round()
    won = claim(engine.sender.id, worker="dead", journal=NAME, most=1)
    assert won is not None
    open_window(won, most=6)
    db.session.execute(text("UPDATE batches SET lease_until = now() - interval '1 second'"))
    db.session.commit()
    folder = engine.workshop.journals
    assert recover.take_back(folder, own=True).batches == 0
    find(engine, {})
    assert recover.take_back(folder, own=True).given_back == 6
