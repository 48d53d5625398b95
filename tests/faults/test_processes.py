"""The short form of the fault matrix: real processes die, stop and double; the ledger judges."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from celery import Celery
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db, redis
from tests.sending.engine import Engine, start
from tests.smtp_sink import SmtpSink
from tests.stack.workers import Workers, workers

pytestmark = pytest.mark.stack

LEASE = 6
PEOPLE = 240
LATENCY = 0.01
"""Seconds a round trip takes: slow enough for a campaign to have a middle."""
PATIENCE = 60.0


@dataclass
class Scene:
    """A campaign under way through real workers to a recording server."""

    engine: Engine
    sink: SmtpSink
    stack: Workers

    def wait(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < deadline, f"{self.engine.counts()}\n{self.stack.logs()}"
            time.sleep(0.1)

    def wait_for_accepts(self, number: int) -> None:
        self.wait(lambda: len(self.sink.accepted) >= number)

    def finish(self) -> None:
        self.wait(lambda: self.engine.status() == "completed")


@contextmanager
def scene(app: Flask, folder: Path, *, sending: int = 1, **sender: int) -> Iterator[Scene]:
    config = replace(app.extensions["carillon_config"], lease_seconds=LEASE)
    stack = workers(config, folder, sending=sending, jobs=False)
    with SmtpSink(latency=LATENCY) as sink, stack as running:
        engine = start(sink, folder, people=PEOPLE, **sender)
        engine.plan()
        app.extensions["celery"].send_task("dispatch.tick")  # Beat's first is ten seconds away
        yield Scene(engine, sink, running)


def judge(scene: Scene, *, unconfirmed: int) -> None:
    """I1 to I4 of the invariants, with at most so many `unconfirmed`."""
    counts = scene.engine.counts()
    assert (counts.total, counts.done, counts.pending) == (PEOPLE, PEOPLE, 0)
    assert scene.engine.statuses() == Counter(
        {name: n for name, n in (("sent", counts.sent), ("unconfirmed", counts.unconfirmed)) if n}
    )
    assert scene.sink.accepted_twice() == []
    taken = Counter(record.rcpt for record in scene.sink.accepted)
    assert all(taken[address] == 1 for address in addresses(scene.engine, "sent"))
    assert sum(taken.values()) <= counts.sent + counts.unconfirmed
    assert counts.unconfirmed <= unconfirmed


def addresses(engine: Engine, status: str) -> list[str]:
    statement = text("SELECT address FROM messages WHERE campaign_id = :id AND status = :status")
    return list(db.session.scalars(statement, {"id": engine.campaign.id, "status": status}))


def test_killing_every_process_loses_nothing_and_sends_nothing_twice(
    live_app: Flask, tmp_path: Path
):
    with scene(live_app, tmp_path, max_connections=2) as play:
        play.wait_for_accepts(60)
        for name in list(play.stack.running):
            play.stack.kill(name, signal.SIGKILL)
        for name in ("dispatch", "beat", "sending"):
            play.stack.start(name)
        play.finish()
    judge(play, unconfirmed=2)  # one per connection killed


def test_two_beats_ten_doorbells_and_a_forgetful_redis_do_no_harm(live_app: Flask, tmp_path: Path):
    celery: Celery = live_app.extensions["celery"]
    with scene(live_app, tmp_path, sending=2, max_connections=2) as play:
        play.stack.start("beat", number=2)
        play.wait_for_accepts(20)
        for _ in range(10):
            celery.send_task("sending.drain_sender", args=(play.engine.sender.id,))
            celery.send_task("dispatch.tick")
            celery.send_task("sending.plan_campaign", args=(play.engine.campaign.id,))
        play.wait_for_accepts(60)
        redis.client.flushall()
        play.finish()
    judge(play, unconfirmed=0)
    assert play.sink.max_concurrent <= 2


def test_a_politely_stopped_sender_leaves_nothing_in_doubt(live_app: Flask, tmp_path: Path):
    with scene(live_app, tmp_path) as play:
        play.wait_for_accepts(60)
        play.stack.kill("sending-1", signal.SIGTERM)
        counts = play.engine.counts()
        assert (counts.unconfirmed, counts.sending) == (0, 0)
        assert counts.sent == len(play.sink.accepted) < PEOPLE
        play.stack.start("sending", number=2)
        play.finish()
    judge(play, unconfirmed=0)


def test_a_sender_suspended_past_its_lease_sends_nothing_twice(live_app: Flask, tmp_path: Path):
    with scene(live_app, tmp_path) as play:
        play.wait_for_accepts(60)
        play.stack.kill("sending-1", signal.SIGSTOP)
        play.stack.start("sending", number=2)
        taken = len(play.sink.accepted)
        play.wait_for_accepts(taken + 20)  # by the other, who has taken over
        play.stack.kill("sending-1", signal.SIGCONT)
        play.finish()
    judge(play, unconfirmed=1)
