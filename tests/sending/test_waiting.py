"""What has to wait, waits quietly: no connection in vain, no neighbour held up, no busy loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.sending import slots
from campaign_app.sending.deliver import End
from campaign_app.sending.throttle import LONGEST_SLEEP
from tests import factories
from tests.sending.engine import Engine, start
from tests.sending.incidents import EventfulSink, Incident
from tests.smtp_sink import SmtpSink

SECOND = timedelta(seconds=1)
BATCHES = 3
PEOPLE = 50 * BATCHES


def neighbour(engine: Engine, *, people: int = 3) -> Engine:
    """Another campaign of the same sender, planned."""
    members = [factories.recipient(engine.workspace) for _ in range(people)]
    campaign = factories.campaign(
        engine.workspace,
        groups=[factories.group(engine.workspace, members=members)],
        sender_id=engine.sender.id,
        status=CampaignStatus.SENDING,
        started_at=datetime.now(UTC),
    )
    other = Engine(campaign, engine.sender, engine.workshop)
    other.plan()
    return other


def run_rounds(engine: Engine, *, most: int = 8) -> int:
    """Rounds and their drains, until nobody is rung; gives how many drains it took."""
    drains = 0
    while engine.round().bells:
        engine.drain()
        drains += 1
        assert drains < most, "the doorbells never fall silent"
    return drains


def test_a_used_up_cap_rests_the_sender_instead_of_trying_every_batch(
    live_app: Flask, tmp_path: Path
):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=PEOPLE, per_day=20)
        engine.plan()
        run_rounds(engine)
    assert engine.counts().sent == 20
    assert sink.connections == 1
    assert engine.sender_state() == "cooling"
    assert engine.sender.state_reason == "20 e-mails a day are allowed, and they are used up"


def test_a_long_gap_is_waited_for_without_a_connection(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=PEOPLE, delay_seconds=30)
        engine.plan()
        assert run_rounds(engine) == 1
    assert sink.connections == 0


def test_a_slow_campaign_lets_its_sender_serve_another(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        slow = start(sink, tmp_path, people=PEOPLE)
        db.session.execute(text("UPDATE campaigns SET tpm = 1"))
        db.session.commit()
        slow.plan()
        quick = neighbour(slow)
        slow.round()
        assert slow.drain() == End.EMPTY
    assert quick.counts().sent == 3
    assert slow.counts().sent == 0


def test_a_held_campaign_goes_on_when_its_moment_is_near(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=2, delay_seconds=60)
        engine.plan()
        asked = clock.now()
        run_rounds(engine)
        answered = clock.now()
    goes_on = db.session.scalars(text("SELECT not_before FROM batches")).one()
    slept = timedelta(seconds=LONGEST_SLEEP)  # with a connection, so that the pace is kept
    turn = timedelta(seconds=60)
    assert asked - SECOND < goes_on + slept - turn < answered + SECOND


def test_fewer_connections_are_allowed_from_the_next_window_on(live_app: Flask, tmp_path: Path):
    def allow_one(deed: str) -> None:
        with live_app.app_context():
            db.session.execute(text("UPDATE senders SET max_connections = 1"))
            db.session.commit()

    with EventfulSink(allow_one, latency=0.01) as sink:
        sink.expect([Incident("mail", 30, deed="allow one")])
        engine = start(sink, tmp_path, people=200, max_connections=2)
        engine.plan()
        engine.round()
        assert slots.win(engine.sender.id, worker="another")
        assert engine.drain() == End.NO_SLOT
    assert not sink.failures
    assert 30 <= len(sink.accepted) < 200


def test_a_large_cancelled_campaign_is_cleared_in_one_round(live_app: Flask, tmp_path: Path):
    many = text(
        "INSERT INTO batches (workspace_id, campaign_id, sender_id, size)"
        " SELECT workspace_id, campaign_id, sender_id, 0 FROM batches, generate_series(1, 500)"
    )
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        engine.plan()
        db.session.execute(many)
        engine.set_status("cancelled")
        engine.round()
    engine.refresh()
    assert engine.campaign.final_counts is not None
    assert engine.counts().cancelled == 3
