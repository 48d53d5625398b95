"""Trying again by hand: failed and unconfirmed messages, also of a completed campaign."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict
from campaign_app.services import campaigns, retry
from tests import factories
from tests.sending.engine import Engine, start
from tests.smtp_sink import Fault, SmtpSink


def finish(sink: SmtpSink, folder: Path) -> Engine:
    """A campaign of three that is complete, whatever became of p1."""
    engine = start(sink, folder)
    engine.run()
    assert engine.status() == "completed"
    return engine


def test_failed_messages_are_sent_again_and_the_campaign_completes_anew(
    live_app: Flask, tmp_path: Path
):
    with SmtpSink([Fault("rcpt", reply="554 5.3.0 broken", rcpt="p1@", times=1)]) as sink:
        engine = finish(sink, tmp_path)
        assert engine.counts().failed == 1
        assert retry.retry_failed(engine.workspace, engine.campaign) == 1
        db.session.commit()
        assert engine.status() == "sending"
        assert (engine.counts().failed, engine.counts().pending) == (0, 1)
        engine.run()
    assert engine.statuses() == {"sent": 3}
    assert engine.status() == "completed"
    assert len(sink.accepted) == 3


def test_suppressed_addresses_stay_failed(live_app: Flask, tmp_path: Path):
    with SmtpSink([Fault("rcpt", reply="550 5.1.1 unknown", rcpt="p1@")]) as sink:
        engine = finish(sink, tmp_path)
        with pytest.raises(Conflict, match="suppressed"):
            campaigns.retry_failed(engine.workspace, engine.campaign, user=factories.user())
        db.session.rollback()
    assert engine.statuses() == {"sent": 2, "failed": 1}
    assert engine.status() == "completed"


def test_unconfirmed_messages_are_sent_again_only_by_choice(live_app: Flask, tmp_path: Path):
    with SmtpSink([Fault("dot", close=True, rcpt="p1@", times=1)]) as sink:
        engine = finish(sink, tmp_path)
        assert retry.retry_failed(engine.workspace, engine.campaign) == 0
        assert retry.send_unconfirmed_again(engine.workspace, engine.campaign) == 1
        db.session.commit()
        engine.run()
    assert engine.statuses() == {"sent": 3}


def test_a_draft_has_nothing_to_try_again(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        engine.set_status("draft")
        engine.refresh()
        with pytest.raises(Conflict):
            retry.retry_failed(engine.workspace, engine.campaign)
