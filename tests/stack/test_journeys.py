"""Whole ways through one running Carillon: pages and programs, doorbells, workers, mail servers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from campaign_app.extensions import db
from campaign_app.models.erasures import Erasure
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import ConsentEvent, Recipient, Suppression
from campaign_app.services import erasures
from campaign_app.tasks import jobs
from config import Config
from local_stack import postgres
from tests import databases, factories
from tests.api.program import Program
from tests.api.test_messages import walk
from tests.api.test_senders import new_sender
from tests.people import Person
from tests.sending.engine import start
from tests.services.test_signups import make_form
from tests.smtp_sink import SmtpSink
from tests.stack.workers import Workers, workers

pytestmark = pytest.mark.stack

EMAILS = [f"p{n}@example.com" for n in range(1_500)]
"""More than a request adds itself, and more than a page of the API shows."""
CAMPAIGN = {"name": "Autumn", "subject": "Hello", "html": "<p>Hello</p>"}
TYPED = {"email": "ana@example.com", "i-agree": "yes"}


@dataclass(frozen=True)
class Carillon:
    """Every process of the Procfile but the web's, which is `app`, in this process."""

    app: Flask
    processes: Workers

    def wait_for(self, is_true: Callable[[], object]) -> None:
        deadline = time.monotonic() + 150
        while not is_true():
            assert time.monotonic() < deadline, self.processes.logs()
            time.sleep(0.1)
            db.session.rollback()


@pytest.fixture(scope="module")
def started(
    config: Config,
    app: Flask,
    postgres_server: postgres.Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Carillon]:
    """Its start is the dear part: these tests share one, each in a workspace of its own."""
    with databases.live(config, postgres_server) as live:
        own = live.extensions["carillon_config"]
        with workers(own, tmp_path_factory.mktemp("processes"), sending=2) as processes:
            yield Carillon(live, processes)


@pytest.fixture
def carillon(started: Carillon) -> Iterator[Carillon]:
    yield started
    db.session.remove()  # PostgreSQL ends a transaction that idles for a minute


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


def test_a_thousand_are_sent_once(carillon: Carillon, sink: SmtpSink, tmp_path: Path):
    engine = start(sink, tmp_path, people=1_000, max_connections=4)
    carillon.wait_for(lambda: engine.status() == "completed")
    counts = engine.counts()
    assert (counts.sent, counts.total, counts.done) == (1_000, 1_000, 1_000)
    assert sorted(record.rcpt for record in sink.accepted) == sorted(EMAILS[:1_000])
    assert len({record.message_id for record in sink.accepted}) == 1_000
    assert sink.max_concurrent <= 4


def write(program: Program, sink: SmtpSink) -> int:
    """A campaign to EMAILS through a sender at the sink; its id."""
    body = new_sender(port=sink.port, delay_seconds=0, max_connections=4)
    sender = program.post("/senders", body).get_json()["id"]
    body = {**CAMPAIGN, "sender_id": sender, "recipient_emails": EMAILS}
    return program.post("/campaigns", body).get_json()["id"]


def status(program: Program, path: str) -> dict[str, Any]:
    return program.get(f"{path}/status").get_json()


def test_a_program_writes_starts_watches_and_reads_a_campaign(carillon: Carillon, sink: SmtpSink):
    program = Program.of(Person.enter(carillon.app, factories.membership()))
    path = f"/campaigns/{write(program, sink)}"
    carillon.wait_for(lambda: program.post(f"{path}/start").status_code == 200)
    carillon.wait_for(lambda: status(program, path)["status"] == "completed")
    end = status(program, path)
    assert (end["total"], end["done"], end["sent"], end["pending"]) == (1_500, 1_500, 1_500, 0)
    assert sorted(record.rcpt for record in sink.accepted) == sorted(EMAILS)
    found = walk(program, f"{path}/messages?status=sent&limit=1000")
    assert sorted(str(one["address"]) for one in found) == sorted(EMAILS)


def everybody(workspace: Workspace, model: type) -> list:
    db.session.expire_all()
    return db.session.query(model).filter_by(workspace_id=workspace.id).all()


def signs_up(carillon: Carillon, form_id: int, sink: SmtpSink) -> None:
    """Somebody types an address and follows the link in the mail that comes."""
    visitor = carillon.app.test_client()
    token = carillon.app.extensions["signup_forms_signer"].sign(form_id)
    visitor.post(f"/s/{token}", data=TYPED)
    carillon.wait_for(lambda: sink.accepted)
    [link] = set(re.findall(rb"(/s/confirm/[\w-]{24})", sink.accepted[0].body))
    visitor.post(link.decode())


def test_somebody_signs_up_and_is_erased(carillon: Carillon, sink: SmtpSink):
    alice = Person.enter(carillon.app, factories.membership())
    place = alice.workspace
    sender = factories.sender(place, port=sink.port)
    signs_up(carillon, make_form(alice, sender_id=sender.id).id, sink)
    assert [one.email for one in everybody(place, Recipient)] == ["ana@example.com"]
    erasures.begin(place, TYPED["email"], typed=TYPED["email"], user=alice.user)
    db.session.commit()
    jobs.ring_erasures()
    carillon.wait_for(lambda: [one.rounds for one in everybody(place, Erasure)] == [1])
    assert len(sink.accepted) == 1
    assert everybody(place, Recipient) == everybody(place, ConsentEvent) == []
    gone = everybody(place, Suppression)
    assert [(one.email, one.source) for one in gone] == [(None, erasures.SOURCE)]
