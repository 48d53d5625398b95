"""How long the live endpoints take at a million-message campaign, at rest and while it is sent.

    bin/bench live [--messages 1000000] [--times 300]

The workspace has 200 finished campaigns with their opens and clicks, and one of a million messages,
half of it sent (rows made by SQL, messages and batches by the planner). Each path is asked for
--times times, one after the other:

inside     through the WSGI callable in this process: what the server itself needs
outside    from the Procfile's web server, over one connection that is kept open
cold       inside, with everything forgotten that Redis keeps for some seconds between two polls

First while nothing is sent, then while two sending processes send the campaign at full speed and
compete for the same cores (`outside` then says how long a browser waits, and CPU what it costs).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from flask import Flask

from bench import contest, history, options, sinks, stack, visitors
from bench.awake import awake
from bench.campaigns import Audience, Server
from bench.stack import Stack
from bench.visitors import Timing, Visit
from campaign_app.extensions import db, redis
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.sending import plan
from campaign_app.services import people
from campaign_app.services.regroup import BATCH_SIZE
from campaign_app.tasks import dispatch

EMAIL, PASSWORD = "bench@example.com", "a long walk by the sea"
GOAL_MS = 5.0
FINISHED = 200
COLD = "cold"
KEPT = ("live:*", "analytics:*", "dashboard:*")


def main(arguments: Sequence[str]) -> None:
    """Make the rows, ask for every path in both states, and print how long it took."""
    asked = _options(arguments)
    with (
        sinks.postfix_sink() as sink,
        stack.running(sending=options.processes(asked)) as running,
        awake(),
    ):
        membership = people.sign_up(name="Bench", email=EMAIL, password=PASSWORD)
        audience = Audience([asked.messages], workspace=membership.workspace)
        history.add_finished(audience.workspace, campaigns=FINISHED)
        sender = audience.sender(Server(sink.port, asked.connections))
        campaign = _half_sent(audience, audience.write(sender, people=asked.messages, mail_size=0))
        cookie = visitors.log_in(running.app, email=EMAIL, password=PASSWORD)
        with _visits(running, cookie) as visits:
            slowest = _measure("At rest", visits, _paths(running.app, campaign), asked.times)
            _resume(audience, campaign)
            _measure("While it is sent", visits, _paths(running.app, campaign), asked.times)
            _say_that_it_moved(audience, campaign)
        print("Goal:")
        contest.verdict("the slowest median at rest", slowest, GOAL_MS, unit=" ms", most=True)


def _half_sent(audience: Audience, campaign: Campaign) -> Campaign:
    db.session.commit()
    history.start_paused(audience.workspace, campaign)
    began = time.monotonic()
    total = plan.plan(campaign.id) or 0
    print(f"{total:,} messages, planned in {time.monotonic() - began:.1f} s")
    history.send_half(audience.workspace, campaign, batches=total // BATCH_SIZE // 2)
    return campaign


@contextmanager
def _visits(running: Stack, cookie: str) -> Iterator[dict[str, Visit]]:
    inside = visitors.inside(running.app, cookie)

    def cold(path: str) -> None:
        for pattern in KEPT:
            for key in redis.client.scan_iter(pattern):
                redis.client.delete(key)
        inside(path)

    with visitors.outside(running, cookie) as outside:
        yield {"inside": inside, "outside": outside, COLD: cold}


def _paths(app: Flask, campaign: Campaign) -> list[str]:
    """The paths that pages ask for every few seconds, as far as this version has them."""
    offered = {rule.rule for rule in app.url_map.iter_rules()}
    paths = {
        "/live.json": "/live.json",
        "/campaigns/<int:campaign_id>/live.json": f"/campaigns/{campaign.id}/live.json",
        "/campaigns/live.json": f"/campaigns/live.json?id={campaign.id}",
        "/now/live.json": "/now/live.json",
    }
    return [path for rule, path in paths.items() if rule in offered]


def _measure(state: str, visits: dict[str, Visit], paths: Sequence[str], times: int) -> float:
    """Print a table; gives the slowest median of what is not cold, in milliseconds."""
    db.session.rollback()  # a transaction that is idle for a minute is ended by the server
    print(f"{state}, milliseconds of {times} requests each:")
    slowest = 0.0
    for path in paths:
        for how, visit in visits.items():
            timing = visitors.measure(visit, path, times=times)
            print(f"  {path:<27} {how:<8} {_line(timing, with_cpu=how != 'outside')}", flush=True)
            slowest = max(slowest, timing.median if how != COLD else 0.0)
    return slowest


def _line(timing: Timing, *, with_cpu: bool) -> str:
    words = f"median {timing.median:6.2f}   p95 {timing.p95:6.2f}   longest {timing.longest:7.2f}"
    return f"{words}   CPU {timing.cpu:5.2f}" if with_cpu else words


def _resume(audience: Audience, campaign: Campaign) -> None:
    db.session.refresh(campaign)
    campaign.status = CampaignStatus.SENDING
    db.session.commit()
    dispatch.ring()
    half = campaign.total // 2
    audience.wait_until(campaign, lambda counts: counts.sent > half + 50)


def _say_that_it_moved(audience: Audience, campaign: Campaign) -> None:
    moved = _done(audience, campaign) - campaign.total // 2
    print(f"  {moved:,} messages were sent meanwhile.")
    if campaign.total == _done(audience, campaign):
        print("  The campaign ended before the last answer: take more --messages.")


def _done(audience: Audience, campaign: Campaign) -> int:
    everything: Callable[[object], bool] = lambda _: True  # noqa: E731
    return audience.wait_until(campaign, everything).done


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options.parser(__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="(1,000,000)")
    parser.add_argument("--times", type=int, default=300, help="requests a path (300)")
    parser.add_argument("--connections", type=int, default=8, help="of the sender (8)")
    options.add_processes(parser)
    return parser.parse_args(arguments)
