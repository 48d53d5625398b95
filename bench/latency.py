"""Mails a second when every reply takes 50 ms, over 100 connections.

    bin/bench latency [--milliseconds 50] [--connections 100] [--mails 60000] [--rounds 3]

A proxy before smtp-sink passes the server's words on 50 ms late (bench/proxy.py): a client
that waits for each of the five replies of a mail needs 250 ms, one that pipelines (RFC 2920) needs
50, and connections / latency is the most that anything can reach with one round trip a mail.

bare          A client that only pipelines the same bytes: what these connections can carry.
smtp-source   Postfix's load generator, which waits for each reply; it sends a tenth of the mails.
carillon      A campaign with the whole ledger. There are as many sending processes as the
              connections need, 48 to each, as in the Procfile.

First the proxy shows, with no delay set, that it is not what limits them: at least 5,000 mails/s.
Sixty thousand mails are half a minute: what the last windows leave idle is a twentieth of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from bench import contest, options, rivals, sinks, stack
from bench.awake import awake
from bench.campaigns import Audience, Server
from bench.meter import Parties, Run
from bench.sinks import Listener
from bench.stack import Stack

BARE, SOURCE, CARILLON = "bare", "smtp-source", "carillon"
PROXY_GOAL = 5_000
GOAL_SHARE = 0.75
"""Of the theoretical limit: 1,500 of 2,000 mails a second."""


def main(arguments: Sequence[str]) -> None:
    """Prove the proxy, run the rounds, and print their figures."""
    asked = _options(arguments)
    limit = asked.connections / asked.milliseconds * 1000
    with (
        sinks.postfix_sink() as sink,
        sinks.proxied(sink, delay_ms=asked.milliseconds) as proxy,
        stack.running(sending=options.processes(asked)) as running,
        awake(),
    ):
        print(
            f"{asked.mails:,} mails of {asked.size:,} bytes, {asked.connections} connections,"
            f" {options.processes(asked)} sending processes, {asked.milliseconds:g} ms a reply"
        )
        _prove_proxy(sink, asked)
        contestants = _contestants(running, sink, proxy, asked)
        results = contest.take_turns(contestants, rounds=asked.rounds)
        print(f"Goals (connections / latency = {limit:,.0f} mails/s):")
        rate = contest.rate(results[CARILLON])
        contest.verdict("carillon, mails a second", rate, GOAL_SHARE * limit)
        contest.verdict("carillon to the theoretical limit", rate / limit, GOAL_SHARE)
        ratio = contest.ratio(results, CARILLON, SOURCE)
        contest.verdict("carillon to smtp-source", ratio, 1)


def _prove_proxy(sink: Listener, asked: argparse.Namespace) -> None:
    """Without delay it has to carry far more than the limit with it."""
    with sinks.proxied(sink) as proxy:
        run = rivals.bare(
            proxy.port,
            mails=asked.mails,
            size=asked.size,
            connections=asked.connections,
            parties={"proxy": [proxy.process], "sink": [sink.process]},
        )
    print(f"  0  {contest.line('bare, without delay', [run])}")
    contest.verdict("the proxy without delay, mails a second", run.rate, PROXY_GOAL)


def _contestants(
    running: Stack, sink: Listener, proxy: Listener, asked: argparse.Namespace
) -> dict[str, Callable[[], Run]]:
    audience = Audience([asked.mails])
    sender = audience.sender(Server(proxy.port, asked.connections))
    received: Parties = {"proxy": [proxy.process], "sink": [sink.process]}
    parties: Parties = {**running.parties(), **received}
    size, connections = asked.size, asked.connections
    fewer = max(asked.mails // 10, connections)
    return {
        BARE: lambda: rivals.bare(
            proxy.port, mails=asked.mails, size=size, connections=connections, parties=received
        ),
        SOURCE: lambda: rivals.smtp_source(
            proxy.port, mails=fewer, size=size, connections=connections, parties=received
        ),
        CARILLON: lambda: audience.send(
            sender, people=asked.mails, mail_size=size, parties=parties
        ),
    }


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options.parser(__doc__)
    options.add_campaign(parser, mails=60_000, connections=100, rounds=3)
    parser.add_argument("--milliseconds", type=float, default=50.0, help="of each reply (50)")
    return parser.parse_args(arguments)
