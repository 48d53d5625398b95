"""Signing up and being erased with the Procfile's own processes: pages, doorbells, workers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from campaign_app.extensions import db
from campaign_app.models.erasures import Erasure
from campaign_app.models.recipients import ConsentEvent, Recipient, Suppression
from campaign_app.services import erasures
from campaign_app.tasks import jobs
from tests import factories
from tests.people import Person
from tests.services.test_signups import make_form
from tests.smtp_sink import SmtpSink
from tests.stack.workers import Workers, workers

TYPED = {"email": "ana@example.com", "i-agree": "yes"}


def wait_for(is_true: Callable[[], object], stack: Workers) -> None:
    deadline = time.monotonic() + 150
    while not is_true():
        assert time.monotonic() < deadline, stack.logs()
        time.sleep(0.2)
        db.session.rollback()


def everybody(model: type) -> list:
    db.session.expire_all()
    return db.session.query(model).execution_options(all_workspaces=True).all()


@pytest.mark.stack
def test_somebody_signs_up_and_is_erased(live_app: Flask, tmp_path: Path):
    config = live_app.extensions["carillon_config"]
    alice = Person.enter(live_app, factories.membership())
    with SmtpSink() as sink, workers(config, tmp_path) as stack:
        sender = factories.sender(alice.workspace, port=sink.port)
        form = make_form(alice, sender_id=sender.id)
        visitor = live_app.test_client()
        token = live_app.extensions["signup_forms_signer"].sign(form.id)
        visitor.post(f"/s/{token}", data=TYPED)
        wait_for(lambda: sink.accepted, stack)
        [link] = set(re.findall(rb"(/s/confirm/[\w-]{24})", sink.accepted[0].body))
        visitor.post(link.decode())
        assert [one.email for one in everybody(Recipient)] == ["ana@example.com"]
        erasures.begin(alice.workspace, TYPED["email"], typed=TYPED["email"], user=alice.user)
        db.session.commit()
        jobs.ring_erasures()
        wait_for(lambda: [one.rounds for one in everybody(Erasure)] == [1], stack)
    assert len(sink.accepted) == 1
    assert everybody(Recipient) == everybody(ConsentEvent) == []
    assert [(one.email, one.source) for one in everybody(Suppression)] == [(None, erasures.SOURCE)]
