"""Connections that break: what was not taken goes back; in doubt is only what nobody can know."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults import invariants
from tests.faults.scene import SceneMaker
from tests.smtp_session import Fault

pytestmark = [pytest.mark.stack, pytest.mark.faults]

PLAIN = {"extensions": ["SIZE 52428800", "8BITMIME"]}
"""A server that offers no PIPELINING."""
OUT_OF_STEP = ("what?", "354 go on", "2x0 fine", "250\tok")
"""Answers to RCPT that no mail server should give."""


@pytest.mark.parametrize("server", [{}, PLAIN], ids=["pipelined", "plain"])
def test_connections_closed_before_the_body_leave_nothing_in_doubt(
    scene: SceneMaker, server: dict[str, list[str]]
):
    script = [
        Fault("connect", close=True, connection=1),
        Fault("ehlo", close=True, connection=2),
        Fault("mail", close=True, message=9, times=1),
        Fault("rcpt", close=True, rcpt="p20@", times=2),
        Fault("data", close=True, rcpt="p30@", times=2),
    ]
    with scene(people=60, server=server, script=script) as play:
        play.hurry_until(play.mailing.is_over)
        play.finish()
    invariants.check(play)
    assert play.mailing.statuses() == {"sent": 60}
    assert len(play.server.ledger.lines("fault")) == 7


def test_connections_lost_after_the_dot_leave_one_each_in_doubt_that_is_never_sent_again(
    scene: SceneMaker,
):
    ways = ({"close": True}, {"reset": True}, {"reply": "certainly"}, {"reply": "354 go on"})
    lost = [
        Fault("dot", rcpt=f"p{10 + 10 * n + kept}@", record=bool(kept), **way)
        for n, way in enumerate(ways)
        for kept in (0, 5)
    ]
    with scene(people=60, script=lost) as play:
        play.finish()
    invariants.check(play, unconfirmed=8)
    assert play.mailing.statuses() == {"sent": 52, "unconfirmed": 8}
    assert len(play.mailing.accepts()) == 56


def test_answers_that_make_no_sense_are_answered_by_new_connections(scene: SceneMaker):
    script = [
        Fault("rcpt", reply=words, rcpt=f"p{10 * n}@", times=2)
        for n, words in enumerate(OUT_OF_STEP, start=1)
    ]
    with scene(people=60, script=script) as play:
        play.hurry_until(play.mailing.is_over)
        play.finish()
    invariants.check(play)
    assert play.mailing.statuses() == {"sent": 60}


def test_three_messages_a_connection_also_without_pipelining(scene: SceneMaker):
    with scene(people=60, server=PLAIN, messages_per_connection=3, max_connections=2) as play:
        play.finish()
    invariants.check(play)
    carried = Counter(one.connection for one in play.server.ledger.accepts())
    assert max(carried.values()) == 3
    assert play.server.ledger.most_open <= 2


def test_an_old_421_on_an_idle_connection_is_noticed_before_anything_is_sent(scene: SceneMaker):
    tired = Fault("idle", reply="421 4.4.2 idle for too long", close=True, times=3)
    with scene(people=8, script=[tired], delay_seconds=1) as play:
        play.finish()
    invariants.check(play)
    assert play.mailing.statuses() == {"sent": 8}
    assert len(play.server.ledger.lines("connect")) == 4


def test_a_server_that_is_down_from_the_start_gets_everything_when_it_comes(scene: SceneMaker):
    with scene(people=0, max_connections=4) as play:
        play.server.stop()
        play.mail(people=240)
        play.wait(lambda: play.mailing.sender_state() == "cooling")
        assert play.mailing.statuses() == {"pending": 240}
        play.server.start()
        play.hurry()
        play.finish()
    invariants.check(play)
    assert play.mailing.statuses() == {"sent": 240}


def test_a_server_that_restarts_again_and_again_gets_everybody_once(scene: SceneMaker):
    with scene(people=300, max_connections=3) as play:
        for accepted in (60, 140, 220):
            play.wait_for_accepts(accepted)
            play.server.stop()
            play.server.start()
        play.hurry_until(play.mailing.is_over)
        play.finish()
    invariants.check(play, unconfirmed=9)  # three connections, three times
