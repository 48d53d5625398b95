"""Refusals: each concerns one message, and the next goes out as if nothing had happened."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults import invariants
from tests.faults.scene import Scene, SceneMaker
from tests.faults.server import MailServer, ServerMaker
from tests.smtp_session import Fault

pytestmark = [pytest.mark.stack, pytest.mark.faults]

TIERS = (30, 60, 3600)
"""Seconds until the second, third and fourth attempt."""
BYE = "421 4.3.2 closing this connection"
LATER = "451 4.3.0 try again later"
REFUSED = {"rcpt": "p20@", "data": "p30@", "dot": "p40@"}
"""Whom the server refuses for now, and when."""


def per_connection(server: MailServer) -> list[int]:
    """How many messages each connection carried, in the order of their first ones."""
    return list(Counter(one.connection for one in server.ledger.accepts()).values())


def waits(play: Scene) -> list[int]:
    """Seconds for which each deferred message was asked to wait, to the nearest ten."""
    rows = play.tables.rows(
        "SELECT extract(epoch FROM m.next_attempt_at - max(e.created_at)) AS wait"
        " FROM messages m JOIN delivery_events e ON e.message_id = m.id"
        " WHERE m.status = 'deferred' GROUP BY m.id"
    )
    return [round(float(row.wait) / 10) * 10 for row in rows]


def attempts(play: Scene) -> list[int]:
    """How often each deferred message has been tried."""
    rows = play.tables.rows("SELECT attempts FROM messages WHERE status = 'deferred'")
    return [row.attempts for row in rows]


def test_a_421_at_message_20_of_50_gives_the_others_to_a_new_connection(
    scene: SceneMaker, servers: ServerMaker
):
    with scene(people=0) as play:
        for phase in ("mail", "rcpt", "data", "dot"):
            bye = Fault(phase, reply=BYE, close=True, message=20, times=1)
            play.mail(people=50, server=servers(bye))
        play.finish()
    invariants.check(play)
    for mailing in play.mailings:
        assert per_connection(mailing.server) == [19, 31]
        assert mailing.statuses() == {"sent": 50}


def test_a_451_waits_by_the_tiers_and_touches_nobody_else(scene: SceneMaker):
    later = [Fault(phase, reply=LATER, rcpt=rcpt) for phase, rcpt in REFUSED.items()]
    with scene(people=50, script=later) as play:
        for attempt, tier in enumerate(TIERS, start=1):
            play.wait(lambda tried=attempt: attempts(play) == [tried] * 3)
            assert waits(play) == [tier] * 3
            assert play.mailing.statuses() == {"sent": 47, "deferred": 3}
            assert per_connection(play.server) == [47]
            play.hurry()
        play.finish()
    invariants.check(play)
    assert play.mailing.statuses() == {"sent": 47, "failed": 3}


def test_a_server_that_greylists_everybody_gets_everything_at_the_second_attempt(
    scene: SceneMaker,
):
    grey = "450 4.2.0 greylisted, please come back"
    script = [Fault("rcpt", reply=grey, rcpt=f"p{n}@", times=1) for n in range(60)]
    with scene(people=60, script=script) as play:
        play.wait(lambda: play.mailing.statuses() == {"deferred": 60})
        assert set(waits(play)) == {30}
        assert play.server.ledger.accepts() == []
        play.hurry()
        play.finish()
    invariants.check(play)
    assert play.mailing.statuses() == {"sent": 60}


def test_unknown_mailboxes_fail_and_are_suppressed_and_full_ones_only_fail(scene: SceneMaker):
    gone = Fault("rcpt", reply="550 5.1.1 no such user", rcpt="p3")  # and p30 to p39
    full = Fault("dot", reply="552 5.2.2 mailbox full", rcpt="p41@")
    with scene(people=50, script=[gone, full]) as play:
        play.finish()
    invariants.check(play)
    assert play.mailing.statuses() == {"sent": 38, "failed": 12}
    assert len(play.tables.rows("SELECT email FROM suppressions")) == 11
    assert per_connection(play.server) == [38]


def test_poison_messages_that_always_break_their_connections_hold_up_nobody(scene: SceneMaker):
    # At the dot it may have arrived, so it is never sent again; before, the tiers have it.
    poison = {"rcpt": "p7@", "data": "p17@", "body": "p27@", "dot": "p37@"}
    script = [Fault(phase, reset=True, rcpt=rcpt) for phase, rcpt in poison.items()]
    with scene(people=60, script=script) as play:
        play.hurry_until(play.mailing.is_over)
        play.finish()
    invariants.check(play, unconfirmed=2)  # a body may have left as a whole when it breaks
    assert play.mailing.statuses()["sent"] == 56
    for phase in poison:
        assert play.server.ledger.faults(phase) <= 3 + len(TIERS)
