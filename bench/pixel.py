"""How many loads of the pixel a second are answered and written down, client and database beside.

    bin/bench pixel [--seconds 8] [--connections 512] [--messages 200000]

Three contestants get the same requests over connections that are kept alive, from two processes
that share the machine's cores with the web server's two and with PostgreSQL:

pixel    the Procfile's web server: tokens read, hits gathered, judged and written, charts counted
naive    a Flask view under gunicorn that inserts a row and commits for every hit
hello    a WSGI application under gunicorn that answers and does nothing: the limit of that way

512 connections, for what is asked is how much two cores can do: with 64, a process finds few
requests whenever it has its turn, and a load costs a quarter more CPU, spent on taking turns.

Every load of `pixel` must be in the database afterwards; it is told how long the last one took.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psutil
from sqlalchemy import text

from bench import contest, options, stack
from bench.awake import awake
from bench.mail_programs import HOST, Loads
from bench.meter import Meter, Run
from bench.stack import ROOT, Stack
from bench.visitors import wait_for_server
from campaign_app.extensions import db
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.people import Workspace
from local_stack import children

Client = subprocess.Popen[str]
CLIENTS = 2
GOAL_RATE, GOAL_SECONDS = 20_000, 2.0
BESIDE = "gunicorn --bind $HOST:$PORT --worker-class gthread --workers 2 --threads 8 --preload"
RIVALS = {
    "naive": f"{BESIDE} --no-control-socket bench.naive_pixel:app",
    "hello": f"{BESIDE} --no-control-socket bench.hello:app",
}
PATIENCE = 30.0
_MESSAGES = text(
    """
    INSERT INTO messages
        (workspace_id, campaign_id, recipient_id, batch_id, address, status, sent_at)
    SELECT workspace_id, id, n, n / 50, 'person' || n || '@example.com', 'sent',
           now() - interval '1 hour'
    FROM campaigns, generate_series(1, :count) AS n
    """
)


@dataclass(frozen=True)
class Result:
    """What a contestant did: its run, and what each client saw."""

    run: Run
    clients: list[Loads]

    def __str__(self) -> str:
        client = sum(loads.cpu for loads in self.clients) / self.run.mails * 1e6
        median = max(loads.median for loads in self.clients)
        p99 = max(loads.p99 for loads in self.clients)
        return (
            f"{self.run.rate:8,.0f}/s   CPU µs a load: server {self.run.cpu_a_mail('server'):4.0f}"
            f"   database {self.run.cpu_a_mail('database'):4.0f}   client {client:4.0f}"
            f"   ms: median {median:5.1f}   p99 {p99:6.1f}"
        )


class Contest:
    """Clients that load from a web server which was started for them."""

    def __init__(self, stack: Stack, server: psutil.Process, port: int, first: int) -> None:
        self._stack, self._server, self._port, self._first = stack, server, port, first
        self.answered = 0

    def run(self, asked: argparse.Namespace, *, seconds: int) -> Result:
        """Load for so many seconds."""
        clients = [self._client(number, asked, seconds) for number in range(CLIENTS)]
        for client in clients:
            client.stdout.readline()
        meter = Meter({"server": [self._server], "database": self._stack.parties()["database"]})
        loads = [Loads(**json.loads(answer)) for answer in _answers(clients)]
        count = sum(one.count for one in loads)
        self.answered += count
        # By the clients' own clocks: ours counts how long they take to end, too.
        seconds_of_all = max(one.seconds for one in loads)
        return Result(replace(meter.read(count), seconds=seconds_of_all), loads)

    def _client(self, number: int, asked: argparse.Namespace, seconds: int) -> Client:
        share = asked.messages // CLIENTS
        numbers = (self._port, asked.connections // CLIENTS, seconds)
        messages = (self._first + number * share, share)
        return subprocess.Popen(
            [sys.executable, "-m", "bench.mail_programs", *map(str, (*numbers, *messages))],
            cwd=ROOT,
            env={**os.environ, **self._stack.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def main(arguments: Sequence[str]) -> None:
    """Let the contestants answer one after the other, and print what they did."""
    asked = _options(arguments)
    with stack.running(sending=0) as running, awake():
        first = _make_messages(asked.messages)
        for name, command in RIVALS.items() if not asked.alone else ():
            with _server(running, first, command) as contestant:
                contestant.run(asked, seconds=1)
                print(f"  {name:<6} {contestant.run(asked, seconds=3)}", flush=True)
        before = _counted()
        with _server(running, first) as contestant:
            contestant.run(asked, seconds=1)
            result = contestant.run(asked, seconds=asked.seconds)
            late = _seconds_until(before + contestant.answered)
        print(f"  pixel  {result}")
        print("Goals:")
        contest.verdict("loads answered and written down", result.run.rate, GOAL_RATE, unit="/s")
        after = "the last load was in the database after"
        contest.verdict(after, late, GOAL_SECONDS, unit=" s", most=True)


@contextmanager
def _server(running: Stack, first: int, command: str | None = None) -> Iterator[Contest]:
    port = children.free_port()
    web = running.start("web", command=command, HOST=HOST, PORT=str(port))
    wait_for_server(port)
    try:
        yield Contest(running, psutil.Process(web.pid), port, first)
    finally:
        children.stop(web, signal.SIGTERM, patience=stack.PATIENCE)


def _make_messages(count: int) -> int:
    """A campaign that everybody got an hour ago; the number of its first message."""
    workspace = Workspace(name="Bench")
    db.session.add(workspace)
    db.session.flush()
    campaign = Campaign(workspace_id=workspace.id, name="Bench", status=CampaignStatus.COMPLETED)
    db.session.add(campaign)
    db.session.flush()
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    db.session.execute(_MESSAGES, {"count": count})
    db.session.commit()
    first = db.session.execute(text("SELECT min(id) FROM messages")).scalar_one()
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    return int(first)


def _counted() -> int:
    """Loads in the database: what the charts have counted, which the events must confirm."""
    charted = db.session.execute(text("SELECT sum(opens + machine_opens) FROM engagement")).scalar()
    db.session.rollback()
    return charted or 0


def _seconds_until(total: int) -> float:
    began = time.monotonic()
    while _counted() < total:
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"{total - _counted():,} of {total:,} loads were never written down.")
        time.sleep(0.02)
    late = time.monotonic() - began
    if _counted() > total:
        raise SystemExit("More loads were written down than were answered.")
    return late


def _answers(clients: list[Client]) -> list[str]:
    for client in clients:
        client.stdin.write("go\n")
        client.stdin.flush()
    return [client.communicate()[0] for client in clients]


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options.parser(__doc__)
    parser.add_argument("--seconds", type=int, default=8, help="of the pixel (8)")
    parser.add_argument("--alone", action="store_true", help="leave the other two out")
    parser.add_argument("--connections", type=int, default=512, help="kept alive (512)")
    parser.add_argument("--messages", type=int, default=200_000, help="that are loaded (200,000)")
    return parser.parse_args(arguments)
