"""The pace as the server sees it: by its own clock, over several drains at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db, redis
from campaign_app.models.people import User
from campaign_app.sending import changes, deliver, pacing
from campaign_app.services import campaigns, pace
from tests import factories
from tests.sending.engine import Engine, start
from tests.sending.test_waiting import neighbour
from tests.smtp_sink import Fault, SmtpSink
from tests.waiting import PATIENCE, until

GAP = 30.0
"""Seconds between two e-mails at the rate SLOW."""
SLOW = 2
TOLERANCE = 0.005
"""Seconds: what two clocks may differ by, Redis's and the server's."""


@contextmanager
def drains(app: Flask, engine: Engine, *, number: int = 2) -> Iterator[None]:
    """So many drains at work in threads of their own until they find an end, after the block."""

    def run() -> None:
        with app.app_context():
            deliver.drain(engine.sender.id, workshop=engine.workshop, worker="thread")

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def ready(engine: Engine, *, tpm: int | None = None) -> Engine:
    db.session.execute(text("UPDATE campaigns SET tpm = :tpm"), {"tpm": tpm})
    db.session.commit()
    engine.plan()
    engine.round()
    return engine


def gaps(sink: SmtpSink) -> list[float]:
    return [after.time - before.time for before, after in pairwise(sink.accepted)]


def most_within(sink: SmtpSink, seconds: float) -> int:
    """The most messages that any span of so many seconds holds."""
    times = [record.time for record in sink.accepted]
    return max(sum(begin <= at < begin + seconds for at in times) for begin in times)


def wait_for(sink: SmtpSink, number: int, *, seconds: float = PATIENCE) -> None:
    until(lambda: len(sink.accepted) >= number, seconds=seconds)


def wait_until_a_pace_is_known() -> None:
    """Somebody has asked for a turn, and sleeps until it comes."""
    until(lambda: redis.client.keys("carillon:pace:*"))


def set_rate(engine: Engine, user: User, tpm: int | None) -> None:
    """As the page does: change, commit, tell."""
    engine.refresh()
    pace.set_rate(engine.workspace, engine.campaign, tpm=tpm, user=user)
    db.session.commit()
    changes.announce()


def test_a_delay_lies_between_any_two_e_mails(live_app: Flask, tmp_path: Path):
    with SmtpSink(latency=0.05) as sink:  # so that handing over takes its time
        engine = start(sink, tmp_path, people=7, delay_seconds=0.4, max_connections=3)
        with drains(live_app, ready(engine), number=3):
            pass
    assert len(sink.accepted) == 7
    assert min(gaps(sink)) >= 0.4 - TOLERANCE


def test_two_campaigns_share_their_senders_delay(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, delay_seconds=0.3, max_connections=2)
        neighbour(engine)
        with drains(live_app, ready(engine)):
            pass
    assert len(sink.accepted) == 6
    assert min(gaps(sink)) >= 0.3 - TOLERANCE


def test_a_delay_is_kept_when_redis_forgets(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=8, delay_seconds=0.4, max_connections=2)
        with drains(live_app, ready(engine)):
            for number in (2, 4, 6):
                wait_for(sink, number)
                redis.client.flushall()
    assert min(gaps(sink)) >= 0.4 - TOLERANCE


def test_a_rate_is_spread_evenly(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=40, max_connections=3)
        with drains(live_app, ready(engine, tpm=600), number=3):
            pass
    assert len(sink.accepted) == 40
    assert most_within(sink, 2) <= 20 + 3 * 2 + 1  # what three had in hand, and one that came late


@pytest.fixture
def sound_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drains sleep gaps of half a minute, which nobody takes for a late awakening."""
    monkeypatch.setattr(pacing, "LONGEST_SLEEP", 2 * GAP)
    monkeypatch.setattr(deliver, "LONGEST_SLEEP", 2 * GAP)


def test_a_rate_that_is_raised_counts_at_once(live_app: Flask, tmp_path: Path, sound_sleep: None):
    with SmtpSink() as sink:
        engine, user = start(sink, tmp_path, people=10), factories.user()
        with drains(live_app, ready(engine, tpm=SLOW), number=1):
            wait_until_a_pace_is_known()
            set_rate(engine, user, 6_000)
            wait_for(sink, 5, seconds=GAP / 2)


def test_a_rate_that_is_lowered_counts_at_once(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine, user = start(sink, tmp_path, people=60), factories.user()
        with drains(live_app, ready(engine, tpm=300), number=1):
            wait_for(sink, 5)
            set_rate(engine, user, 1)
            taken = len(sink.accepted)
        assert len(sink.accepted) <= taken + 1  # which had its turn already
        assert engine.counts().sent == len(sink.accepted)  # the drain has given the batch back


def test_a_batch_that_is_held_for_its_rate_goes_when_it_is_raised(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine, user = start(sink, tmp_path), factories.user()
        ready(engine, tpm=1)
        engine.drain()
        assert engine.round().bells == []
        set_rate(engine, user, None)
        assert engine.round().bells == [engine.sender.id]
        engine.drain()
    assert engine.counts().sent == 3


def test_a_pause_wakes_who_sleeps(live_app: Flask, tmp_path: Path, sound_sleep: None):
    with SmtpSink() as sink:
        engine, user = start(sink, tmp_path), factories.user()
        with drains(live_app, ready(engine, tpm=SLOW), number=1):
            wait_until_a_pace_is_known()
            campaigns.pause(engine.workspace, engine.campaign, user=user)
            db.session.commit()
            changes.announce()
            began = time.monotonic()
        assert time.monotonic() - began < GAP / 2
    assert sink.accepted == []


def test_a_days_cap_is_never_passed(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=150, per_day=70, max_connections=3)
        for _ in range(2):
            with drains(live_app, ready(engine), number=3):
                pass
            engine.wake_sender()
    assert len(sink.accepted) == 70


def test_no_more_connections_are_open_than_allowed(live_app: Flask, tmp_path: Path):
    with SmtpSink(latency=0.02) as sink:
        engine = start(sink, tmp_path, people=150, max_connections=2)
        with drains(live_app, ready(engine), number=5):
            pass
    assert sink.max_concurrent <= 2
    assert engine.counts().sent == 150


LATE_COMMIT = """
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
    CREATE TRIGGER late BEFORE UPDATE ON senders FOR EACH ROW
    WHEN (NEW.state = 'cooling') EXECUTE FUNCTION dawdle()
"""


def test_what_one_connection_is_told_holds_for_those_that_wait(
    live_app: Flask, tmp_path: Path, sound_sleep: None
):
    db.session.execute(text(LATE_COMMIT))
    slower = Fault("mail", reply="451 4.7.0 Too many messages, slow down")
    with SmtpSink([slower]) as sink:
        engine = ready(start(sink, tmp_path, people=200, max_connections=4, per_minute=SLOW))
        first = {"next": round(time.time() * 1e6)}
        redis.client.hset(f"carillon:pace:s{engine.sender.id}:{SLOW}", mapping=first)
        with drains(live_app, engine, number=4):
            pass
    assert engine.sender_state() == "cooling"
    assert sink.count("MAIL") == 1
