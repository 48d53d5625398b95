"""A sender that is told to slow down slows by itself, and finds its way back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.sending import brakes, troubles
from campaign_app.sending.replies import COOL
from tests.sending.engine import Engine, start
from tests.smtp_session import Session
from tests.smtp_sink import Fault, SmtpSink

SLOWER = "451 4.7.0 Too many messages, slow down"
QUOTA = "550 5.4.5 Daily user sending limit exceeded"


@dataclass
class TooFast(Fault):
    """Refuses whoever sends more than `per_second`."""

    per_second: int = 20

    def strikes(self, phase: str, session: Session) -> bool:
        lately = [one for one in session.sink.accepted if one.time > time.time() - 1]
        return super().strikes(phase, session) and len(lately) >= self.per_second


def told(words: str, *, after: int = 20, times: int | None = 1) -> Fault:
    return Fault("mail", reply=words, message=after + 1, times=times)


def one_drain(engine: Engine) -> None:
    engine.plan()
    engine.round()
    engine.drain()
    engine.refresh()


def put(engine: Engine, assignments: str) -> None:
    db.session.execute(text(f"UPDATE senders SET {assignments}"))
    db.session.commit()
    engine.refresh()


def test_it_halves_what_it_did_and_remembers_the_words(live_app: Flask, tmp_path: Path):
    with SmtpSink([told(SLOWER)]) as sink:
        engine = start(sink, tmp_path, people=60)
        one_drain(engine)
    sender = engine.sender
    assert (sender.state, sender.brake_reason) == ("cooling", SLOWER)
    assert sender.brake_from == pytest.approx(20 * 60, rel=0.5)
    assert sender.brake_rate == sender.brake_from / 2
    assert len(sink.accepted) == 20


def test_a_daily_quota_is_no_matter_of_pace(live_app: Flask, tmp_path: Path):
    with SmtpSink([told(QUOTA)]) as sink:
        engine = start(sink, tmp_path, people=60)
        one_drain(engine)
    assert (engine.sender.state, engine.sender.brake_rate) == ("cooling", None)


def test_who_has_sent_nothing_has_nothing_to_halve(live_app: Flask, tmp_path: Path):
    with SmtpSink([told(SLOWER, after=0)]) as sink:
        engine = start(sink, tmp_path)
        one_drain(engine)
    assert (engine.sender.state, engine.sender.brake_rate) == ("cooling", None)


def test_several_connections_are_told_once(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        for _ in range(3):
            troubles.act_on(COOL, SLOWER, sender_id=engine.sender.id, campaign_id=0, just_sent=120)
        db.session.commit()
    engine.refresh()
    assert engine.sender.brake_rate == 60 * 60


def test_told_again_it_halves_again_but_never_below_the_slowest(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        put(engine, "brake_rate = 3, brake_from = 6")
        for expected in (1.5, brakes.SLOWEST, brakes.SLOWEST):
            brakes.slow_down(engine.sender.id, SLOWER)
            db.session.commit()
            engine.refresh()
            assert engine.sender.brake_rate == expected


def test_it_rises_by_steps_while_all_is_well(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=60)
        put(
            engine,
            "brake_rate = 2400, brake_from = 4800, brake_raised_at = now() - '11 s'::interval",
        )
        one_drain(engine)
    assert engine.sender.brake_rate == 2400 + 2400 / brakes.STEPS_BACK  # once in ten seconds
    assert engine.counts().sent == 60


def test_at_its_goal_the_brake_is_lifted(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        put(
            engine,
            "brake_rate = 5990, brake_from = 4800, brake_reason = 'slower', "
            "brake_raised_at = now() - '11 s'::interval",
        )
        one_drain(engine)
    assert (engine.sender.brake_goal, engine.sender.brake_rate) == (6000, None)
    assert engine.sender.brake_reason == ""


def test_the_words_of_a_rest_go_with_it(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        troubles.cool(engine.sender.id, SLOWER, seconds=0)
        db.session.commit()
        engine.round()
    assert (engine.sender_state(), engine.sender.state_reason) == ("active", "")


def test_a_sender_that_its_brake_holds_rises_beyond_its_goal(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=120)
        one_drain(engine)  # some thousands a minute
        braked = "brake_rate = 149, brake_from = 120"
        put(engine, f"{braked}, brake_raised_at = now() - '11 s'::interval")
        brakes.ease(engine.sender)
        db.session.commit()
        engine.refresh()
    assert engine.sender.brake_rate == pytest.approx(151.5)
    assert engine.sender.brake_goal > engine.sender.brake_rate


def test_a_set_pace_is_the_goal(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, per_minute=600)
        put(engine, "brake_rate = 30, brake_from = 60, brake_raised_at = now() - '11 s'::interval")
        brakes.ease(engine.sender)
        db.session.commit()
        engine.refresh()
    assert engine.sender.brake_goal == 600
    assert engine.sender.brake_rate == pytest.approx(30 + 600 / brakes.LONGEST_WAY)


def test_the_brake_holds_at_the_server(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=10)
        put(engine, "brake_rate = 300, brake_from = 600, brake_raised_at = now()")
        one_drain(engine)
    times = [record.time for record in sink.accepted]
    assert len(times) == 10
    assert times[-1] - times[0] >= 9 * 0.2 - 0.3  # a window may come late by so much, the next not


def test_a_server_with_a_limit_gets_everything_at_a_pace_it_takes(live_app: Flask, tmp_path: Path):
    with SmtpSink([TooFast("mail", reply=SLOWER)]) as sink:
        engine = start(sink, tmp_path, people=120)
        engine.plan()
        while engine.status() == "sending":
            time.sleep(1)  # for a whole rest, thirty seconds
            engine.wake_sender()
            if engine.round().bells:
                engine.drain()
    assert engine.statuses() == {"sent": 120}
    assert not sink.accepted_twice()
    assert 60 < engine.sender.brake_rate < 20 * 60
