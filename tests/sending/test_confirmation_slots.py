"""A server that hangs holds two threads at most, whoever signs up; campaigns go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.secrets import Vault
from campaign_app.models.senders import Sender, SenderState
from campaign_app.sending import confirmation_slots, confirmations, stopping
from campaign_app.sending.deliver import End
from campaign_app.sending.handover import Timeouts
from campaign_app.sending.workshop import Workshop
from tests import factories
from tests.sending import signing_up
from tests.sending.engine import KEY, start
from tests.sending.fleet import Fleet
from tests.sending.test_pace import TOLERANCE
from tests.smtp_sink import Fault, SmtpSink
from tests.waiting import until

BRIEF = Timeouts(connect=2, command=2, data=2, body=2, dot=2)
CROWD = [f"p{n}@example.com" for n in range(12)]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop("http://carillon.test", tmp_path, True, Vault(KEY), str, brief=BRIEF)


@pytest.fixture
def fleet(live_app: Flask, tmp_path: Path, workshop: Workshop) -> Iterator[Fleet]:
    with Fleet(live_app, tmp_path, threads=6) as running:
        running.workshop = replace(workshop, others_wait=running.others_wait)
        yield running
        stopping.want()
    stopping.forget()


def account(port: int, **values: object) -> Sender:
    return factories.sender(factories.workspace(), port=port, **{"max_connections": 5} | values)


@pytest.mark.parametrize("phase", ["connect", "data", "dot"])
def test_a_hanging_server_holds_two_threads_and_a_neighbour_goes_on(
    fleet: Fleet, tmp_path: Path, phase: str
):
    with SmtpSink([Fault(phase, hang=12)]) as hanging, SmtpSink() as well:
        sender = account(hanging.port)
        signing_up.sign_up(sender, *CROWD)
        for _ in CROWD:
            fleet.mail_signups(sender.id)
        until(lambda: hanging.max_concurrent == 2)
        start(well, tmp_path, people=60, max_connections=3)
        fleet.ask_for_round()
        until(lambda: len(well.accepted) == 60)
        until(lambda: not hanging.open)
        assert hanging.max_concurrent == 2


def test_confirmations_come_beside_a_campaign_that_has_every_connection(
    fleet: Fleet, tmp_path: Path
):
    with SmtpSink(latency=0.02) as sink:
        engine = start(sink, tmp_path, people=400, messages_per_connection=1_000)
        assert engine.sender.max_connections == 1
        fleet.ask_for_round()
        until(lambda: len(sink.accepted) > 50)
        signing_up.sign_up(engine.sender, "ana@example.com")
        fleet.mail_signups(engine.sender.id)
        until(lambda: len(sink.accepted) == 401)
    assert "ana@example.com" in [one.rcpt for one in sink.accepted[:400]]
    assert sink.max_concurrent == 1


def test_the_senders_of_a_workspace_mail_few_at_once(live_app: Flask):
    workspace = factories.workspace()
    senders = [factories.sender(workspace) for _ in range(6)]
    won = [confirmation_slots.win(one.id, worker="test", seconds=60) for one in senders]
    assert [right is not None for right in won] == [True] * 4 + [False] * 2
    stranger = factories.sender(factories.workspace())
    assert confirmation_slots.win(stranger.id, worker="test", seconds=60)


def test_a_sender_that_was_deleted_meanwhile_mails_nothing(live_app: Flask, workshop: Workshop):
    sender = account(1)
    db.session.delete(sender)
    db.session.commit()
    assert signing_up.mail(sender.id, workshop) == End.NO_SLOT


@pytest.mark.parametrize(
    ("values", "most"),
    [({"max_connections": 2}, 1), ({"max_connections": 3}, 2), ({"delay_seconds": 4.0}, 1)],
)
def test_a_campaign_keeps_a_connection(live_app: Flask, values: dict[str, object], most: int):
    sender = account(1, **values)
    won = [confirmation_slots.win(sender.id, worker="test", seconds=60) for _ in range(3)]
    assert sum(right is not None for right in won) == most


def test_they_keep_the_senders_pace(live_app: Flask, workshop: Workshop):
    with SmtpSink() as sink:
        sender = account(sink.port, delay_seconds=0.4)
        signing_up.sign_up(sender, *CROWD[:3])
        assert signing_up.mail(sender.id, workshop) == End.EMPTY
    moments = [one.time for one in sink.accepted]
    gaps = [later - one for one, later in pairwise(moments)]
    assert len(moments) == 3
    assert min(gaps) >= 0.4 - TOLERANCE


def no_link(signup_id: int) -> str:
    raise ZeroDivisionError(signup_id)


def test_what_fails_unexpectedly_gives_connection_and_right_back_at_once(
    live_app: Flask, workshop: Workshop
):
    with SmtpSink() as sink:
        sender = account(sink.port, max_connections=1)
        first, second = signing_up.sign_up(sender, *CROWD[:2])
        with pytest.raises(ZeroDivisionError):
            signing_up.mail(sender.id, workshop, link=no_link)
        held = text("SELECT count(*) FROM sender_slots WHERE worker <> '' OR lease_until > now()")
        assert db.session.scalar(held) == 0
        assert signing_up.mail(sender.id, workshop) == End.EMPTY
    assert [one.rcpt for one in sink.accepted] == [second.email]
    assert first.mail_at > clock.now()


def test_a_wrong_password_is_tried_once_and_stops_the_sender(live_app: Flask, workshop: Workshop):
    wrong = {"username": "ana", "password_encrypted": Vault(KEY).encrypt("wrong")}
    with SmtpSink(credentials=("ana", "right")) as sink:
        sender = account(sink.port, **wrong)
        asked = signing_up.sign_up(sender, *CROWD)
        assert signing_up.mail(sender.id, workshop) == End.WAITING
        signing_up.let_slots_go()
        assert signing_up.mail(sender.id, workshop) == End.WAITING
        assert (sink.connections, confirmations.senders_due()) == (1, [])
    for row in (sender, *asked):
        db.session.add(row)
        db.session.refresh(row)
    assert sender.state == SenderState.STOPPED
    assert {one.attempts for one in asked} == {0}
