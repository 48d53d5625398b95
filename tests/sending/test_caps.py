"""Hour and day caps: no sliding span ever holds more, whatever the minute it begins in."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.models.senders import Sender, SenderUsage
from campaign_app.sending import caps
from campaign_app.sending.bookkeeping import Books
from campaign_app.sending.claims import Claim
from campaign_app.sending.handover import WindowResult
from tests import factories
from tests.people import Person
from tests.sending.engine import start
from tests.smtp_sink import Fault, SmtpSink
from tests.waiting import this_minute

MINUTE = timedelta(minutes=1)


def capped(person: Person, **values: int) -> Sender:
    return factories.sender(person.workspace, **values)


def used(sender: Sender, ago: timedelta, number: int) -> None:
    at = this_minute() - ago
    factories.save(SenderUsage(sender_id=sender.id, minute=at, handed_over=number))


def rows(sender: Sender) -> dict[datetime, int]:
    found = db.session.query(SenderUsage).filter_by(sender_id=sender.id)
    return {row.minute: row.handed_over for row in found}


@pytest.mark.parametrize(("cap", "minutes"), [("per_hour", 60), ("per_day", 1_440)])
def test_the_minute_in_which_the_span_began_counts(alice: Person, cap: str, minutes: int):
    sender = capped(alice, **{cap: 10})
    used(sender, minutes * MINUTE, 10)  # perhaps in its last second
    assert caps.allow(sender, want=5).count == 0


@pytest.mark.parametrize(("cap", "minutes"), [("per_hour", 61), ("per_day", 1_441)])
def test_older_minutes_do_not_count(alice: Person, cap: str, minutes: int):
    sender = capped(alice, **{cap: 10})
    used(sender, minutes * MINUTE, 10)
    assert caps.allow(sender, want=50).count == 10


def test_the_tightest_cap_counts(alice: Person):
    sender = capped(alice, per_hour=10, per_day=100)
    used(sender, 30 * MINUTE, 4)
    used(sender, 90 * MINUTE, 93)
    assert caps.allow(sender, want=50).count == 3


def test_what_did_not_leave_is_given_back_to_its_own_minute(alice: Person):
    sender = capped(alice, per_hour=10)
    began = this_minute() - MINUTE
    used(sender, MINUTE, 8)
    caps.settle(sender, caps.Counted(5, began), unused=4)
    db.session.expire_all()
    assert rows(sender) == {began: 3, this_minute(): 1}


def test_within_a_minute_only_the_unused_move(alice: Person):
    sender = capped(alice, per_hour=10)
    this_minute()
    counted = caps.count(sender, handed_over=5)
    assert counted
    caps.settle(sender, counted, unused=2)
    assert list(rows(sender).values()) == [3]


def test_a_window_is_settled_as_it_was_counted_whatever_was_counted_since(alice: Person):
    sender = capped(alice, per_hour=10)
    began, books = this_minute() - MINUTE, Books()
    used(sender, MINUTE, 8)
    books.counted = caps.Counted(5, began)
    books.enter([], WindowResult([]), [])
    books.counted = caps.Counted(2, this_minute())  # and the transaction failed
    books.write_down(sender, Claim(1, alice.workspace.id))
    db.session.expire_all()
    assert rows(sender) == {began: 3, this_minute(): 5}


def test_what_is_older_than_a_day_is_forgotten(alice: Person):
    sender = capped(alice, per_day=10)
    used(sender, timedelta(hours=26), 7)
    caps.count(sender, handed_over=1)
    assert list(rows(sender).values()) == [1]


def test_a_sender_without_caps_is_not_counted(alice: Person):
    sender = capped(alice)
    assert caps.allow(sender, want=200).count == 200
    assert caps.count(sender, handed_over=200) is None


def test_refused_windows_cost_nothing_of_the_cap(live_app: Flask, tmp_path: Path):
    fault = Fault("mail", reply="451 4.7.1 rate limit exceeded", times=1)
    with SmtpSink([fault]) as sink:
        engine = start(sink, tmp_path, people=5, per_day=5)
        engine.plan()
        engine.round()
        engine.drain()
        engine.wake_sender()
        engine.run()
    assert engine.statuses() == {"sent": 5}
    total = text("SELECT sum(handed_over), min(handed_over) FROM sender_usage")
    assert db.session.execute(total).one() == (5, 5)
