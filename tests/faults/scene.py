"""A scene of the fault suite: a campaign under way through real processes to a recording server.

    def test_a_killed_worker_loses_nothing(scene: SceneMaker):
        with scene(max_connections=2) as play:
            play.wait_for_accepts(60)
            play.stack.kill("sending-1", signal.SIGKILL)
            play.stack.start("sending", number=2)
            play.finish()
        invariants.check(play, unconfirmed=2)

PostgreSQL and Redis (`play.stage`), the Procfile's processes (`play.stack`) and the mail server
(`play.server`) are all processes of their own. Whatever is done to them, the server's ledger and
the rows (`play.server.ledger`, `play.tables`, `play.mailing`) are read without the application.
`finish` waits for the end (I8) and until no lease stands; `invariants.check` judges I1 to I7.

The server misbehaves by `play.server.script(Fault(…), …)`, given at the start (`script=[…]`) or at
any time; `play.wait_for_fault("dot")` waits until it has struck. A fault that only hangs at the dot
accepts the message and withholds its 250. `play.mail(people=100)` starts a neighbour's campaign.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from celery import Celery

from tests.faults.mailing import Mailing, launch
from tests.faults.server import MailServer
from tests.faults.stage import Stage
from tests.faults.tables import Tables
from tests.smtp_session import Fault
from tests.stack.workers import Workers, workers

LEASE = 6
"""Seconds; a minute outside the tests."""
TICK = 10
"""Seconds between two rounds of the dispatcher."""
PEOPLE = 240
LATENCY = 0.01
"""Seconds a round trip takes: slow enough for a campaign to have a middle."""
PATIENCE = 120.0
SLOWER = float(os.environ.get("SLOWER", "1"))
"""How many times longer everything may take, on a machine that is busy with other things."""
WAITING = {"messages": "next_attempt_at", "batches": "not_before", "senders": "cooling_until"}
"""Which columns of which tables say until when something waits."""

SceneMaker = Callable[..., AbstractContextManager["Scene"]]


@dataclass
class Scene:
    """What a row plays with; `mailing` is its (first) campaign."""

    stage: Stage
    server: MailServer
    stack: Workers
    tables: Tables
    mailings: list[Mailing] = field(default_factory=list)

    @property
    def mailing(self) -> Mailing:
        """The first campaign."""
        return self.mailings[0]

    def mail(
        self, *, people: int = PEOPLE, server: MailServer | None = None, **options: Any
    ) -> Mailing:
        """Start a campaign of a new workspace; `options` are those of `mailing.launch`."""
        started = launch(self.tables, server or self.server, people=people, **options)
        self.mailings.append(started)
        self.ring("dispatch.tick")  # Beat's first is ten seconds away
        return started

    def ring(self, task: str, *args: int) -> None:
        """Put a doorbell into its queue."""
        with Celery(broker=self.stage.redis.url, set_as_current=False) as celery:
            celery.send_task(task, args=args, queue=task.partition(".")[0], ignore_result=True)

    def wait(self, until: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
        """Wait until it is true; fail, with what the processes said, after so many seconds."""
        deadline = time.monotonic() + seconds * SLOWER
        while not until():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self._state()}\n{self.stack.logs()}")
            time.sleep(0.05)

    def wait_for_workers(self) -> None:
        """Wait until every worker that is running listens for its doorbells."""
        alive = sum(name.startswith(("sending", "dispatch")) for name in self.stack.running)
        self.wait(lambda: self.stage.listeners() >= alive)

    def wait_for_accepts(self, number: int, *, seconds: float = PATIENCE) -> None:
        """Wait until the server has taken so many messages, of all campaigns together."""
        self.wait(lambda: len(self.server.ledger.lines("accept")) >= number, seconds=seconds)

    def wait_for_fault(self, phase: str, *, times: int = 1, seconds: float = PATIENCE) -> None:
        """Wait until the server's script has struck at this phase so many times."""
        self.wait(lambda: self.server.ledger.faults(phase) >= times, seconds=seconds)

    def finish(self, *, seconds: float = PATIENCE) -> None:
        """I8: every campaign is over within so many seconds, and soon nobody holds a lease."""
        self.wait(lambda: all(one.is_over() for one in self.mailings), seconds=seconds)
        self.wait(lambda: not self.held())

    def hurry(self) -> None:
        """Let the time come of every deferred message, held batch and resting sender."""
        for table, column in WAITING.items():
            self.tables.rows(f"UPDATE {table} SET {column} = now() WHERE {column} > now()")
        self.ring("dispatch.tick")

    def hurry_until(self, until: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
        """Hurry again and again, until it is true; fail after so many seconds."""

        def has_come() -> bool:
            self.hurry()
            time.sleep(1)
            return until()

        self.wait(has_come, seconds=seconds)

    def held(self) -> int:
        """How many leases stand, on batches and slots, expired or not."""
        held: int = self.tables.value(
            "SELECT (SELECT count(*) FROM batches WHERE lease_until IS NOT NULL)"
            " + (SELECT count(*) FROM sender_slots WHERE lease_until IS NOT NULL)"
        )
        return held

    def _state(self) -> str:
        states = [f"{one.status()} {dict(one.statuses())}" for one in self.mailings]
        return f"{states}, {len(self.server.ledger.lines('accept'))} accepted, {self.held()} leases"


@contextmanager
def scene(stage: Stage, folder: Path, *, people: int = PEOPLE, **options: Any) -> Iterator[Scene]:
    """Servers, workers and a campaign to `people`, none with `people=0`.

    `options` are those of `standing`, and of `mailing.launch`.
    """
    ours = {name: options.pop(name) for name in STANDING if name in options}
    with standing(stage, folder, **ours) as play:
        if people:
            play.mail(people=people, **options)
        yield play


STANDING = ("sending", "script", "server", "lease")


@contextmanager
def standing(
    stage: Stage,
    folder: Path,
    *,
    sending: int = 1,
    script: Iterable[Fault] = (),
    server: dict[str, Any] | None = None,
    lease: int = LEASE,
) -> Iterator[Scene]:
    """`sending` workers at work, without a campaign; `server` are the mail server's options."""
    stage.mend()
    tables = stage.database()
    config = replace(stage.config(tables.url, folder), lease_seconds=lease, workers=sending)
    serving = _serving(folder, script, **(server or {}))
    with serving as mail, workers(config, folder, sending=sending, jobs=False) as stack:
        play = Scene(stage, mail, stack, tables)
        play.wait_for_workers()
        yield play


@contextmanager
def _serving(folder: Path, script: Iterable[Fault], **options: Any) -> Iterator[MailServer]:
    mail = MailServer(folder, **{"latency": LATENCY, **options})
    mail.start()
    try:
        mail.script(*script)
        yield mail
    finally:
        mail.stop()
