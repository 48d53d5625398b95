"""Trying again by hand: failed and unconfirmed messages, also of a completed campaign."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict
from campaign_app.services import campaigns, progress, retry, unconfirmed
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
        with pytest.raises(Conflict, match="Nothing failed"):
            retry.retry_failed(engine.workspace, engine.campaign)
        db.session.rollback()
        assert engine.status() == "completed"
        again, user = unconfirmed.Action.SEND_AGAIN, factories.user()
        assert unconfirmed.resolve(engine.workspace, engine.campaign, action=again, user=user) == 1
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


@pytest.fixture
def many(live_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A completed campaign of 120, all refused for good: three batches, too many for one step."""
    monkeypatch.setattr(retry, "AT_ONCE", 60)
    monkeypatch.setattr(retry, "STEP_BATCHES", 1)
    with SmtpSink([Fault("rcpt", reply="554 5.3.0 broken", times=120)]) as sink:
        engine = start(sink, tmp_path, people=120)
        engine.run()
        assert engine.statuses() == {"failed": 120}
        yield engine


def again(engine: Engine) -> int:
    number = campaigns.retry_failed(engine.workspace, engine.campaign, user=factories.user())
    db.session.commit()
    return number


def go_on(engine: Engine) -> bool:
    more = retry.go_on(engine.campaign.id)
    db.session.commit()
    return more


def test_many_are_made_ready_in_steps(many: Engine):
    assert again(many) == 120
    assert (many.status(), many.statuses()) == ("sending", {"pending": 50, "failed": 70})
    assert many.round().to_retry == [many.campaign.id]
    assert "70 to go" in progress.waiting_for(many.workspace, many.campaign, many.counts())
    assert [go_on(many), go_on(many), go_on(many)] == [True, True, False]
    assert many.statuses() == {"pending": 120}
    many.run()
    assert (many.status(), many.statuses()) == ("completed", {"sent": 120})
    assert many.round().to_retry == []


def test_a_campaign_is_not_complete_while_some_are_still_to_be_made_ready(many: Engine):
    again(many)
    while many.round().bells:
        many.drain()
    assert (many.status(), many.statuses()) == ("sending", {"sent": 50, "failed": 70})
    with pytest.raises(Conflict, match="already"):
        again(many)


def test_what_fails_anew_is_not_tried_for_ever(many: Engine):
    again(many)
    db.session.execute(text("UPDATE messages SET status = 'failed' WHERE status = 'pending'"))
    db.session.execute(text("UPDATE batches SET failed = size WHERE state = 'pending'"))
    db.session.commit()
    while go_on(many):
        pass
    assert many.statuses() == {"failed": 50, "pending": 70}


def test_cancelling_ends_a_retry(many: Engine):
    again(many)
    campaigns.cancel(many.workspace, many.campaign, user=factories.user())
    db.session.commit()
    assert not go_on(many)
    many.round()
    many.round()
    assert many.statuses() == {"cancelled": 50, "failed": 70}
    assert many.campaign.retry_through is None


def test_two_workers_at_one_retry_count_once(many: Engine, live_app: Flask):
    again(many)
    with db.engine.begin() as other:
        other.execute(text("SELECT FROM campaigns FOR UPDATE"))
        assert not go_on(many)
    while go_on(many):
        pass
    assert (many.counts().pending, many.counts().failed) == (120, 0)


def test_many_suppressed_failures_are_a_clear_answer(many: Engine):
    db.session.execute(
        text(
            "INSERT INTO suppressions (workspace_id, email, email_hash, reason, source)"
            " SELECT workspace_id, address, sha256(convert_to(address, 'UTF8')), '', 'test'"
            " FROM messages"
        )
    )
    db.session.commit()
    with pytest.raises(Conflict, match="suppressed"):
        again(many)
    db.session.rollback()
    assert many.status() == "completed"
