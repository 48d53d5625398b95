"""Mails a second and CPU a mail, beside Postfix's smtp-source and beside the naive way.

    bin/bench send [--mails 60000] [--rounds 5] [--connections 8] [--processes 2] [--size 10240]

Everything shares this machine: a durable PostgreSQL, Redis, the Procfile's workers and one Postfix
smtp-sink. In each round smtp-source, the naive way and Carillon send mails of the same size to that
sink, by turns; medians are what to quote. Cores are kept awake (see bench/awake.py).

smtp-source   Postfix's load generator: the limit. It reads no row, writes none, composes nothing.
naive         EmailMessage and smtplib, one message at a time, a commit for each (bench/naive.py).
              It is slow, so it sends fewer (--naive-mails).
carillon      A campaign with merge fields, pixel, tracked links and the whole ledger. Its clock
              runs from the end of planning until the last message is written down as sent.

CPU: `sender` is all sending processes, `database` PostgreSQL, `rest` Redis, beat and the other
workers, `sink` the receiving side, which no sender can help; `client` the other contestants.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from sqlalchemy import text

from bench import contest, naive, options, rivals, sinks, stack
from bench.awake import awake
from bench.campaigns import Audience, Server
from bench.contest import Results
from bench.meter import Run
from bench.sinks import Listener
from bench.stack import Stack
from campaign_app.extensions import db

SOURCE, NAIVE, CARILLON = "smtp-source", "naive", "carillon"


def main(arguments: Sequence[str]) -> None:
    """Run the rounds and print their figures."""
    asked = _options(arguments)
    with (
        sinks.postfix_sink() as sink,
        stack.running(sending=options.processes(asked)) as running,
        awake(),
    ):
        contestants = _contestants(running, sink, asked)
        print(
            f"{asked.mails:,} mails of {asked.size:,} bytes, {asked.connections} connections,"
            f" {options.processes(asked)} sending processes; naive: {asked.naive_mails:,} mails,"
            " 1 connection"
        )
        contestants[CARILLON]()  # a first one, in which everything gets warm
        _print(contest.take_turns(contestants, rounds=asked.rounds), running)


def _contestants(
    running: Stack, sink: Listener, asked: argparse.Namespace
) -> dict[str, Callable[[], Run]]:
    audience = Audience([asked.mails])
    sender = audience.sender(Server(sink.port, asked.connections))
    _make_naive_rows(asked.naive_mails * asked.rounds)
    parties = {**running.parties(), "sink": [sink.process]}
    received = {"sink": [sink.process]}
    stored = {name: parties[name] for name in ("database", "sink")}
    sizes = {"mails": asked.mails, "size": asked.size}
    database = running.environment["DATABASE_URL"]
    return {
        SOURCE: lambda: rivals.smtp_source(
            sink.port, **sizes, connections=asked.connections, parties=received
        ),
        NAIVE: lambda: rivals.naive(
            sink.port, mails=asked.naive_mails, size=asked.size, database=database, parties=stored
        ),
        CARILLON: lambda: audience.send(
            sender, people=asked.mails, mail_size=asked.size, parties=parties
        ),
    }


def _make_naive_rows(size: int) -> None:
    db.session.execute(text(naive.TABLE), {"size": size})
    db.session.commit()


def _print(results: Results, running: Stack) -> None:
    mine = results[CARILLON]
    print("Goals:")
    contest.verdict("carillon, mails a second", contest.rate(mine), 6_000)
    contest.verdict("carillon to smtp-source", contest.ratio(results, CARILLON, SOURCE), 0.65)
    contest.verdict("carillon to the naive way", contest.ratio(results, CARILLON, NAIVE), 20)
    micros = contest.cpu_a_mail(mine, "sender", "database")
    contest.verdict("CPU a mail, sender and database", micros, 200, unit=" µs", most=True)
    memory = running.peak_memory() / 1e6
    contest.verdict("peak memory of a sending process", memory, 250, unit=" MB", most=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options.parser(__doc__)
    options.add_campaign(parser, mails=60_000, connections=8, rounds=5)
    parser.add_argument("--naive-mails", type=int, default=1_000, help="a run's (1,000)")
    return parser.parse_args(arguments)
