"""A program's whole way, with real workers: a sender, a campaign, its end, every message read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests import factories
from tests.api.program import Program
from tests.api.test_messages import walk
from tests.api.test_senders import new_sender
from tests.people import Person
from tests.smtp_sink import SmtpSink
from tests.stack.workers import Workers, workers

PEOPLE = 1_500
EMAILS = [f"p{n}@example.com" for n in range(PEOPLE)]


def eventually(
    ask: Callable[[], TestResponse], wanted: Callable[[TestResponse], bool], stack: Workers
) -> dict[str, Any]:
    """Ask until the answer is as wanted, a minute and a half at most."""
    deadline = time.monotonic() + 90
    while True:
        answer = ask()
        if wanted(answer):
            return answer.get_json()
        assert time.monotonic() < deadline, f"{answer.text}\n{stack.logs()}"
        time.sleep(0.2)


def started(answer: TestResponse) -> bool:
    return answer.status_code == 200


def over(answer: TestResponse) -> bool:
    return answer.get_json()["status"] == "completed"


def write(program: Program, sink: SmtpSink) -> int:
    """A campaign to EMAILS through a sender at the sink; its id."""
    body = new_sender(port=sink.port, delay_seconds=0, max_connections=4)
    sender = program.post("/senders", body).get_json()["id"]
    content = {"name": "Autumn", "subject": "Hello", "html": "<p>Hello</p>"}
    body = {**content, "sender_id": sender, "recipient_emails": EMAILS}
    return program.post("/campaigns", body).get_json()["id"]


@pytest.mark.stack
def test_a_campaign_is_written_started_watched_and_accounted_for(live_app: Flask, tmp_path: Path):
    program = Program.of(Person.enter(live_app, factories.membership()))
    config = live_app.extensions["carillon_config"]
    with SmtpSink() as sink, workers(config, tmp_path) as stack:
        path = f"/campaigns/{write(program, sink)}"
        eventually(lambda: program.post(f"{path}/start"), started, stack)
        end = eventually(lambda: program.get(f"{path}/status"), over, stack)
    assert (end["total"], end["done"], end["sent"], end["pending"]) == (PEOPLE, PEOPLE, PEOPLE, 0)
    assert sorted(record.rcpt for record in sink.accepted) == sorted(EMAILS)
    found = walk(program, f"{path}/messages?status=sent&limit=1000")
    assert sorted(str(one["address"]) for one in found) == sorted(EMAILS)
