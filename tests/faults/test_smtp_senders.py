"""What a server says about the sender stops or rests the sender, and is nobody else's fault."""

from __future__ import annotations

import time
from functools import partial

import pytest

from campaign_app.lib.secrets import Vault
from tests.faults import invariants
from tests.faults.mailing import Mailing
from tests.faults.scene import SLOWER, TICK, Scene, SceneMaker
from tests.faults.server import ServerMaker
from tests.sending.engine import KEY
from tests.smtp_session import Fault

pytestmark = [pytest.mark.stack, pytest.mark.faults]

LOGIN = {"credentials": ["ana", "right"]}
READ_LATE = 10 * SLOWER
"""Seconds that may pass until a row of the tables is looked at."""
QUOTAS = {
    ("rcpt", "550 5.4.5 Daily user sending limit exceeded"): 3600,
    ("dot", "550 5.4.6 Unusual sending activity detected"): 30,
    ("mail", "554 5.7.1 Rate limit exceeded"): 30,
    ("rcpt", "550 5.7.0 Too many messages, try again in 92 seconds"): 92,
    ("data", "452 4.5.3 too many recipients in this hour"): 30,
}
"""What servers say at their limits, and the seconds to rest for."""
SENT = {"mail": 19, "rcpt": 19, "data": 19, "dot": 20}
"""Of which the 20th is refused. After its body, the next one's envelope has been taken already, and
a server that waits for a body can only be given it."""


def nobody_is_blamed(play: Scene) -> bool:
    """Everybody got it, and nobody is suppressed."""
    everybody = all(set(one.statuses()) == {"sent"} for one in play.mailings)
    return everybody and not play.tables.rows("TABLE suppressions")


def is_cooling(mailing: Mailing) -> bool:
    """Whether its sender rests."""
    return mailing.sender_state() == "cooling"


def rest_of(mailing: Mailing) -> float:
    """Seconds that its sender was told to rest."""
    left = "SELECT extract(epoch FROM cooling_until - now()) FROM senders WHERE id = %(id)s"
    return float(mailing.tables.value(left, id=mailing.sender_id))


def test_a_wrong_password_is_tried_once_and_stops_the_sender(scene: SceneMaker):
    with scene(people=60, server=LOGIN, username="ana") as play:
        play.wait(lambda: play.mailing.sender_state() == "stopped")
        time.sleep(TICK + 2)
        assert len(play.server.ledger.lines("connect")) == 1
        assert play.mailing.statuses() == {"pending": 60}
        right = Vault(KEY).encrypt("right")
        play.mailing.set_sender(state="active", password_encrypted=right)
        play.finish()
    invariants.check(play)
    assert nobody_is_blamed(play)


def test_a_log_in_refused_for_now_is_tried_again_after_a_rest(scene: SceneMaker):
    later = Fault("auth", reply="454 4.7.0 temporary authentication failure", times=1)
    account = {"username": "ana", "password_encrypted": Vault(KEY).encrypt("right")}
    with scene(people=60, server=LOGIN, script=[later], **account) as play:
        play.wait(lambda: play.mailing.sender_state() == "cooling")
        play.hurry()
        play.finish()
    invariants.check(play)
    assert play.mailing.statuses() == {"sent": 60}


def test_a_limit_of_the_sender_rests_it_and_blames_nobody(scene: SceneMaker, servers: ServerMaker):
    with scene(people=0) as play:
        for (phase, words), rest in QUOTAS.items():
            server = servers(Fault(phase, reply=words, message=20, times=1))
            mailing = play.mail(people=60, server=server)
            play.wait(partial(is_cooling, mailing))
            assert rest - READ_LATE < rest_of(mailing) <= rest
            assert mailing.statuses() == {"sent": SENT[phase], "pending": 60 - SENT[phase]}
        play.hurry()
        play.finish()
    invariants.check(play)
    assert nobody_is_blamed(play)


def test_an_objection_to_the_mail_itself_pauses_the_campaign_and_suppresses_nobody(
    scene: SceneMaker, servers: ServerMaker
):
    phases = ("mail", "rcpt", "dot")
    with scene(people=0) as play:
        for phase in phases:
            spam = Fault(phase, reply="550 5.7.1 this looks like spam", message=20, times=1)
            play.mail(people=60, server=servers(spam))
        play.wait(lambda: all(one.status() == "paused" for one in play.mailings))
        play.wait(lambda: not play.held())
        invariants.check(play, unfinished=True)
        for phase, mailing in zip(phases, play.mailings, strict=True):
            assert mailing.statuses()["sent"] == SENT[phase]
            mailing.set_campaign(status="sending", paused_by="", pause_reason="")
        play.finish()
    invariants.check(play)
    assert all(one.statuses() == {"sent": 59, "failed": 1} for one in play.mailings)
    assert not play.tables.rows("TABLE suppressions")


def most_open(play: Scene, *, since: float) -> int:
    """The most connections at once that a new one met after this moment."""
    lines = play.server.ledger.lines("connect")
    return max((line["open"] for line in lines if line["time"] > since), default=0)


def test_no_more_connections_than_allowed_over_two_processes(scene: SceneMaker):
    with scene(people=1500, sending=2, max_connections=6, messages_per_connection=20) as play:
        play.wait_for_accepts(300)
        assert 3 < most_open(play, since=0) <= 6
        play.mailing.set_sender(max_connections=2)
        time.sleep(2 * SLOWER)  # whoever is one too many ends with the window
        calm = time.time()
        play.finish(seconds=120)
    invariants.check(play)
    assert most_open(play, since=0) <= 6
    assert 0 < most_open(play, since=calm) <= 2
