"""What a drain says in the log and in the metrics: once at its end, and never for a message."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from flask import Flask

from campaign_app.lib import metrics
from tests.sending.engine import start
from tests.smtp_sink import SmtpSink

Lines = list[dict[str, object]]


@pytest.fixture
def lines(live_app: Flask) -> Iterator[Lines]:
    """Every line that is written, as the handler gets it."""
    found: Lines = []

    class Witness(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if isinstance(record.msg, dict):
                found.append({**record.msg, "level": record.levelname.lower()})

    witness, root = Witness(), logging.getLogger()
    level = root.level
    root.addHandler(witness)
    root.setLevel(logging.INFO)
    yield found
    root.removeHandler(witness)
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


def figure(name: str, *labels: str) -> float:
    found = [sample for metric in metrics.read() for sample in metric.samples]
    wanted = (name, *labels)
    return sum(one.value for one in found if (one.name, *one.labels.values()) == wanted)


def test_a_drain_says_once_what_it_came_to(live_app: Flask, tmp_path: Path, lines: Lines):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=120)
        engine.run()
    ends = [line for line in lines if line["event"] == "drain ended" and line["sent"]]
    assert sum(line["sent"] for line in ends) == 120
    assert {line["end"] for line in ends} <= {"empty"}
    assert all(line["campaign"] == engine.campaign.id for line in ends)
    assert all(line["workspace"] == engine.workspace.id for line in ends)
    assert len([line for line in lines if line["level"] == "info"]) < 10
    planned = next(line for line in lines if line["event"] == "campaign planned")
    assert (planned["campaign"], planned["messages"]) == (engine.campaign.id, 120)
    assert [line["subject"] for line in lines if line["event"] == "campaign.completed"]


def test_nobodys_address_is_in_the_log(live_app: Flask, tmp_path: Path, lines: Lines):
    with SmtpSink() as sink:
        start(sink, tmp_path, people=5).run()
    assert lines
    assert not [line for line in lines if "@example.com" in str(line)]


def test_what_became_of_the_mails_is_counted(live_app: Flask, tmp_path: Path):
    keys = (
        ("carillon_mails_total", "sent"),
        ("carillon_drains_total", "empty"),
        ("carillon_smtp_connections_total", "opened"),
        ("carillon_window_seconds_count",),
    )
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=30)
        before = [figure(*key) for key in keys]
        engine.run()
    after = [figure(*key) for key in keys]
    mails, drains, connections, windows = (b - a for a, b in zip(before, after, strict=True))
    assert mails == 30
    assert drains
    assert connections
    assert 0 < windows < 30
