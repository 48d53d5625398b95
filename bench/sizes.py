"""Whether a mail of a large campaign costs more than one of a small campaign.

    bin/bench sizes [--sizes 10000,100000,1000000] [--connections 8] [--size 10240]

One campaign of each size, the smallest first, in one database: planning (seconds from the start of
the campaign until its messages are there, and PostgreSQL's CPU for it), sending (mails a second and
CPU a mail, from the end of planning until the last message is written down), and what became of the
tables: the share of updates that were HOT, which leave the indexes alone, and the room taken.

A million takes about three minutes at 6,000 mails a second.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from bench import contest, options, sinks, stack, tables
from bench.awake import awake
from bench.campaigns import Audience, Server
from bench.meter import Run

WRITTEN = ("messages", "batches")
PLANNING_GOAL = 10.0
"""Seconds for a million messages."""
FLAT = 1.1
"""How much more a mail of the largest campaign may cost than one of the smallest."""


@dataclass(frozen=True)
class Campaign:
    """A campaign's planning and its sending."""

    planning: Run
    sending: Run


def main(arguments: Sequence[str]) -> None:
    """Send a campaign of each size and print its figures."""
    asked = _options(arguments)
    with (
        sinks.postfix_sink() as sink,
        stack.running(sending=options.processes(asked)) as running,
        awake(),
    ):
        audience = Audience([*asked.sizes, asked.warm])
        sender = audience.sender(Server(sink.port, asked.connections))
        parties = {**running.parties(), "sink": [sink.process]}
        sent = {"mail_size": asked.size, "parties": parties}
        audience.send(sender, people=asked.warm, **sent)
        found = {}
        for people in asked.sizes:
            before = tables.look(*WRITTEN)
            found[people] = Campaign(*audience.plan_and_send(sender, people=people, **sent))
            _print(people, found[people])
            after = tables.look(*WRITTEN, settle=True)
            for name in WRITTEN:
                print(f"  {name:<10} {after[name].since(before[name])}", flush=True)
        _judge(found)


def _print(people: int, campaign: Campaign) -> None:
    planning = campaign.planning
    print(f"{people:,} messages:")
    print(
        f"  planned in {planning.seconds:.1f} s,"
        f" of which PostgreSQL's CPU was busy {planning.cpu['database']:.1f} s"
    )
    print(f"  {contest.line('sent', [campaign.sending])}")


def _judge(found: dict[int, Campaign]) -> None:
    print("Goals:")
    for people, campaign in found.items():
        goal = max(1.0, PLANNING_GOAL * people / 1_000_000)
        seconds = campaign.planning.seconds
        contest.verdict(f"planning {people:,}", seconds, goal, unit=" s", most=True)
    small, large = found[min(found)].sending, found[max(found)].sending
    costs = [run.cpu_a_mail("sender", "database") for run in (small, large)]
    words = f"CPU a mail, of {max(found):,} to {min(found):,}"
    contest.verdict(words, costs[1] / costs[0], FLAT, most=True)
    words = f"time a mail, of {max(found):,} to {min(found):,}"
    contest.verdict(words, small.rate / large.rate, FLAT, most=True)


def _sizes(words: str) -> list[int]:
    return sorted(int(word) for word in words.split(","))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options.parser(__doc__)
    sizes = "10000,100000,1000000"
    parser.add_argument("--sizes", type=_sizes, default=_sizes(sizes), help=f"({sizes})")
    parser.add_argument("--warm", type=int, default=5_000, help="sent before them (5,000)")
    parser.add_argument("--size", type=int, default=10_240, help="bytes of a mail (10,240)")
    parser.add_argument("--connections", type=int, default=8, help="of the sender (8)")
    options.add_processes(parser)
    return parser.parse_args(arguments)
