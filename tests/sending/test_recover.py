"""What happens to batches whose worker died: nothing lost, nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.sending import journal_names, recover, slots
from campaign_app.sending.claims import Claim, claim, open_window
from campaign_app.sending.journal import Journal
from campaign_app.sending.leases import GuardedJournal, Lease, LeaseLostError, boot_clock
from campaign_app.sending.results import FenceError, record
from campaign_app.services import unconfirmed
from tests.sending.engine import Engine, start
from tests.sending.hand_over import codes
from tests.smtp_sink import SmtpSink

NAME = journal_names.of(1, 0, 1)


def die_in_mid_window(engine: Engine, *, window: int = 4) -> tuple[Claim, list[int]]:
    """Claim and open a window as a worker does, then let its lease run out."""
    engine.plan()
    engine.round()
    won = claim(engine.sender.id, worker="dead", journal=NAME, most=1)
    assert won is not None
    turns = open_window(won, most=window)
    db.session.execute(text("UPDATE batches SET lease_until = now() - interval '1 second'"))
    db.session.commit()
    engine.workshop.journals.mkdir(parents=True, exist_ok=True)
    return won, [turn.message_id for turn in turns or []]


@pytest.fixture
def engine(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        yield start(sink, tmp_path, people=6)


def test_the_journal_decides_message_by_message(engine: Engine):
    _, (accepted, refused, begun, _) = die_in_mid_window(engine)
    with Journal(engine.workshop.journals / NAME) as journal:
        for message_id, code in ((accepted, 250), (refused, 451)):
            journal.begin(message_id)
            journal.done(message_id, code)
        journal.begin(begun)
    found = recover.take_back(engine.workshop.journals)
    assert (found.batches, found.recorded, found.unconfirmed, found.given_back) == (1, 2, 1, 1)
    assert engine.statuses() == {"sent": 1, "deferred": 1, "unconfirmed": 1, "pending": 3}
    engine.run()
    assert engine.statuses() == {"sent": 4, "deferred": 1, "unconfirmed": 1}


def test_a_refusal_is_judged_and_told_in_the_servers_words(engine: Engine):
    _, (gone, limited, dropped, _) = die_in_mid_window(engine)
    with Journal(engine.workshop.journals / NAME) as journal:
        for message_id, code, words in (
            (gone, 550, "5.1.1 No such user"),
            (limited, 550, "5.4.5 Daily sending limit exceeded"),
            (dropped, 421, "4.7.0 too many messages"),
        ):
            journal.begin(message_id)
            journal.done(message_id, code, words=words)
    recover.take_back(engine.workshop.journals)
    assert engine.statuses() == {"failed": 1, "pending": 5}
    told = db.session.execute(text("SELECT message_id, code, enhanced, reply FROM delivery_events"))
    assert told.all() == [(gone, 550, "5.1.1", "5.1.1 No such user")]
    suppressed = text("SELECT s.email = m.address FROM suppressions s, messages m WHERE m.id = :id")
    assert db.session.scalars(suppressed, {"id": gone}).all() == [True]


def test_whoever_was_erased_meanwhile_is_not_suppressed_by_what_stands_for_them(engine: Engine):
    _, (gone, *_) = die_in_mid_window(engine)
    with Journal(engine.workshop.journals / NAME) as journal:
        journal.begin(gone)
        journal.done(gone, 550, words="5.1.1 No such user")
    erased = text("UPDATE messages SET address = 'erased' WHERE id = :id")
    db.session.execute(erased, {"id": gone})
    db.session.commit()
    recover.take_back(engine.workshop.journals)
    assert engine.statuses() == {"failed": 1, "pending": 5}
    for table in ("suppressions", "consent_events"):
        noted = text(f"SELECT count(*) FROM {table} WHERE email = 'erased'")
        assert db.session.scalar(noted) == 0


def test_what_had_left_says_that_its_process_ended(engine: Engine):
    _, (begun, *_) = die_in_mid_window(engine)
    with Journal(engine.workshop.journals / NAME) as journal:
        journal.begin(begun)
    recover.take_back(engine.workshop.journals)
    [line] = unconfirmed.page(engine.workspace).items
    assert (line.message_id, line.phase) == (begun, unconfirmed.ENDED)
    assert line.words == "The sending process ended before the server's answer could be noted."


def test_without_a_journal_the_whole_open_window_is_unconfirmed(engine: Engine):
    die_in_mid_window(engine)
    recover.take_back(engine.workshop.journals)
    assert engine.statuses() == {"unconfirmed": 4, "pending": 2}


def test_whoever_lost_the_lease_writes_nothing(engine: Engine):
    won, (first, *_) = die_in_mid_window(engine)
    Journal(engine.workshop.journals / NAME).close()
    recover.take_back(engine.workshop.journals)
    with pytest.raises(FenceError):
        record(won.held, sent=[first])
    db.session.rollback()
    with pytest.raises(FenceError):
        open_window(won, most=1)
    db.session.rollback()
    assert engine.statuses() == {"pending": 6}


def test_a_batch_with_a_living_lease_is_left_alone(engine: Engine):
    die_in_mid_window(engine)
    db.session.execute(text("UPDATE batches SET lease_until = now() + interval '1 minute'"))
    db.session.commit()
    assert recover.take_back(engine.workshop.journals).batches == 0


def test_the_same_results_written_twice_count_once(engine: Engine):
    won, window = die_in_mid_window(engine)
    for _ in range(2):
        record(won.held, sent=window)
        db.session.commit()
    assert engine.counts().sent == 4


def test_a_body_that_the_lease_holds_back_is_not_in_doubt(tmp_path: Path):
    lease = Lease(sender_id=1, slot=0, slot_fence=1, deadline=boot_clock() + 60)
    with GuardedJournal(tmp_path / NAME) as journal:
        journal.lease = lease
        journal.begin(6)
        journal.done(6, 250, hold=True)
        lease.deadline = boot_clock() - 1
        with pytest.raises(LeaseLostError):
            journal.begin(7)
    assert codes(tmp_path / NAME) == {6: 250}


def test_the_slot_of_a_dead_worker_is_freed_by_the_round(engine: Engine):
    engine.plan()
    lost, kept = slots.win(engine.sender.id, worker="dead"), slots.win(engine.sender.id, worker="")
    assert lost is not None
    assert kept is None
    db.session.execute(text("UPDATE sender_slots SET lease_until = now() - interval '1 second'"))
    db.session.commit()
    engine.round()
    held = text("SELECT fence, lease_until, worker FROM sender_slots")
    assert tuple(db.session.execute(held).one()) == (lost.slot_fence + 1, None, "")
