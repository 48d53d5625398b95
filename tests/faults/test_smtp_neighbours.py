"""A neighbour feels nothing of a server that hangs, nor of a campaign of many thousands."""

from __future__ import annotations

import time

import pytest

from tests.faults import invariants
from tests.faults.mailing import Mailing
from tests.faults.scene import Scene, SceneMaker
from tests.faults.server import MailServer, ServerMaker
from tests.smtp_session import Fault

pytestmark = [pytest.mark.stack, pytest.mark.faults]

NEIGHBOURS = 100
SLOTS = 48
"""Drains that one sending process runs at once."""
HANG = 25.0
"""Seconds of silence: many times what the neighbour's campaign takes alone."""
LATENCY = 0.04
"""A round trip of a real network: a hundred mails over one connection take four seconds."""


def p95(mailing: Mailing, since: float) -> float:
    """Seconds from then until 95 % of the campaign had been accepted."""
    times = sorted(one.time for accepts in mailing.accepts().values() for one in accepts)
    return times[int(len(times) * 0.95)] - since


def send_to_neighbours(play: Scene, server: MailServer) -> float:
    """A campaign to a hundred in a workspace of its own; gives its p95 in seconds."""
    began = time.time()
    mailing = play.mail(people=NEIGHBOURS, server=server)
    play.wait(mailing.is_over)
    return p95(mailing, began)


def join(play: Scene, first: Mailing, *, number: int) -> None:
    """The workspace sends the same to the same people by another sender of its own, too."""
    tables = play.tables
    account = "host, port, security, from_email, delay_seconds, max_connections, workspace_id"
    sender = tables.copy("senders", first.sender_id, account, name=f"Sender {number}")
    content = "name, subject, html, status, started_at, workspace_id"
    campaign = tables.copy("campaigns", first.campaign_id, content, sender_id=sender)
    tables.rows(
        "INSERT INTO campaign_groups (workspace_id, campaign_id, group_id)"
        " SELECT workspace_id, %(campaign)s, group_id FROM campaign_groups"
        " WHERE campaign_id = %(id)s",
        campaign=campaign,
        id=first.campaign_id,
    )
    whose = (first.workspace_id, sender, campaign, first.audience)
    play.mailings.append(Mailing(tables, first.server, *whose))
    play.ring("dispatch.tick")


def test_servers_that_hang_on_every_connection_hold_up_nobody_else(
    scene: SceneMaker, servers: ServerMaker
):
    phases = ("connect", "data", "dot")
    hang = [Fault(phases[n % 3], hang=HANG, connection=n, times=1) for n in range(SLOTS + 20)]
    calm = servers(latency=LATENCY)
    with scene(people=0, server={"latency": 0}, script=hang) as play:
        alone = send_to_neighbours(play, calm)
        play.mail(people=70 * 50, max_connections=SLOTS + 12)
        play.wait(lambda: sum(map(play.server.ledger.faults, phases)) >= SLOTS // 2)
        time.sleep(2)  # as many as ever will are hanging by now
        assert send_to_neighbours(play, calm) <= 2 * alone
        play.finish(seconds=4 * HANG)
    invariants.check(play)


def test_a_campaign_of_many_thousands_delays_a_neighbours_hundred_by_its_own_time_at_most(
    scene: SceneMaker, servers: ServerMaker
):
    calm = servers(latency=LATENCY)
    with scene(people=0, server={"latency": LATENCY}) as play:
        alone = send_to_neighbours(play, calm)
        large = play.mail(people=6_000, max_connections=20)
        for number in (2, 3):
            join(play, large, number=number)
        play.wait(lambda: len(play.server.ledger.lines("connect")) >= SLOTS // 2)
        play.wait_for_accepts(1_000)
        assert send_to_neighbours(play, calm) <= 2 * alone
        play.finish(seconds=120)
    invariants.check(play)
