"""A large campaign has every connection, and its neighbour's few e-mails go out all the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from campaign_app.sending import stopping
from tests.sending.engine import Engine, start
from tests.sending.fleet import Fleet
from tests.smtp_sink import SmtpSink
from tests.waiting import until

LATENCY = 0.05
"""Seconds a round trip: a connection carries at most twenty e-mails a second."""
FEW = 60
STANDSTILL = 5.0
"""Seconds for which a busy machine may stop in one measurement and not in the other; behind the
large campaign, the small one would wait for half a minute."""


@pytest.fixture
def fleet(live_app: Flask, tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(live_app, tmp_path, threads=8) as running:
        yield running
        stopping.want()  # the large campaign's drains end after their windows
    stopping.forget()


def seconds_until(done: Callable[[], bool]) -> float:
    began = time.monotonic()
    until(done)
    return time.monotonic() - began


def launch(fleet: Fleet, sink: SmtpSink, folder: Path, **options: int) -> Engine:
    """As the page does: nobody has planned it yet."""
    engine = start(sink, folder, **options)
    fleet.workshop = replace(engine.workshop, others_wait=fleet.others_wait)
    fleet.ask_for_round()
    return engine


def seconds_for_a_few(fleet: Fleet, folder: Path) -> float:
    with SmtpSink(latency=LATENCY) as sink:
        launch(fleet, sink, folder, people=FEW, max_connections=2)
        return seconds_until(lambda: len(sink.accepted) == FEW)


def test_a_large_campaign_delays_a_small_one_by_its_own_time_at_most(fleet: Fleet, tmp_path: Path):
    alone = seconds_for_a_few(fleet, tmp_path)
    with SmtpSink(latency=LATENCY) as crowd:
        many = {"max_connections": 48, "messages_per_connection": 5_000}
        launch(fleet, crowd, tmp_path, people=4_000, **many)
        until(lambda: crowd.max_concurrent == 7)  # one is kept free
        beside = seconds_for_a_few(fleet, tmp_path)
        assert len(crowd.accepted) < 4_000
        until(lambda: crowd.connections >= 12)  # five gave way, and are back
        stopping.want()
    assert beside <= 2 * alone + STANDSTILL
