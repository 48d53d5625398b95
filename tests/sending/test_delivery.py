"""A campaign from its plan to its last message, over a real server."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from flask import Flask

from campaign_app.extensions import db
from campaign_app.lib import metrics
from campaign_app.models.recipients import Suppression
from campaign_app.services import suppressions
from tests import factories
from tests.sending.engine import start
from tests.smtp_sink import Fault, SmtpSink


def test_everybody_gets_the_campaign_exactly_once(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, people=120)
        engine.run()
    assert sorted(record.rcpt for record in sink.accepted) == sorted(
        f"p{n}@example.com" for n in range(120)
    )
    assert len({record.message_id for record in sink.accepted}) == 120
    counts = engine.counts()
    assert (counts.sent, counts.pending, counts.sending) == (120, 0, 0)
    assert engine.statuses() == {"sent": 120}
    assert engine.status() == "completed"


def test_a_message_refused_for_now_is_sent_by_its_next_tier(live_app: Flask, tmp_path: Path):
    with SmtpSink([Fault("rcpt", reply="451 4.3.0 later", rcpt="p1@", times=1)]) as sink:
        engine = start(sink, tmp_path)
        engine.run()
        assert engine.statuses() == {"sent": 2, "deferred": 1}
        assert engine.counts().deferred == 1
        engine.make_due()
        engine.run()
    assert engine.statuses() == {"sent": 3}
    assert engine.status() == "completed"
    assert len(sink.accepted) == 3


def test_a_full_server_of_451s_fails_after_the_last_tier(live_app: Flask, tmp_path: Path):
    with SmtpSink([Fault("rcpt", reply="451 4.3.0 later", rcpt="p1@")]) as sink:
        engine = start(sink, tmp_path)
        for _ in range(5):
            engine.run()
            engine.make_due()
        engine.run()
    assert engine.statuses() == {"sent": 2, "failed": 1}
    assert engine.status() == "completed"


def test_an_unknown_mailbox_fails_and_is_suppressed(live_app: Flask, tmp_path: Path):
    with SmtpSink([Fault("rcpt", reply="550 5.1.1 no such user", rcpt="p1@")]) as sink:
        engine = start(sink, tmp_path)
        engine.run()
    assert engine.statuses() == {"sent": 2, "failed": 1}
    stored = db.session.query(Suppression).execution_options(all_workspaces=True).one()
    assert stored.email == "p1@example.com"


def test_a_rate_limit_cools_the_sender_and_fails_nobody(live_app: Flask, tmp_path: Path):
    limit = Fault("mail", reply="454 4.7.0 Throttling failure: rate exceeded", times=1)
    with SmtpSink([limit]) as sink:
        engine = start(sink, tmp_path)
        engine.run()
        assert engine.sender_state() == "cooling"
        assert "Throttling" in engine.sender.state_reason
    assert engine.counts().failed == 0
    assert engine.counts().pending > 0


def test_a_wrong_password_stops_the_sender_at_the_first_attempt(live_app: Flask, tmp_path: Path):
    with SmtpSink(credentials=("ana", "right")) as sink:
        engine = start(sink, tmp_path, username="ana", password_encrypted="")
        engine.run()
    assert engine.sender_state() == "stopped"
    assert sink.accepted == []
    assert engine.counts().pending == 3


def test_a_connection_lost_after_the_dot_is_unconfirmed_and_never_resent(
    live_app: Flask, tmp_path: Path
):
    with SmtpSink([Fault("dot", close=True, rcpt="p1@", times=1)]) as sink:
        engine = start(sink, tmp_path)
        engine.run()
    assert engine.statuses() == {"sent": 2, "unconfirmed": 1}
    assert [r.rcpt for r in sink.accepted].count("p1@example.com") <= 1


def counted(outcome: str) -> float:
    """E-mails with this outcome, as Prometheus is told."""
    samples = [sample for family in metrics.read() for sample in family.samples]
    mails = [sample for sample in samples if sample.name == "carillon_mails_total"]
    return sum(mail.value for mail in mails if mail.labels["outcome"] == outcome)


def test_whoever_opts_out_during_the_campaign_is_skipped(live_app: Flask, tmp_path: Path):
    before = counted("skipped")
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        engine.plan()
        engine.round()
        db.session.connection().exec_driver_sql(
            "UPDATE recipients SET status = 'unsubscribed' WHERE email = 'p1@example.com'"
        )
        db.session.commit()
        engine.run()
    assert engine.statuses() == {"sent": 2, "skipped": 1}
    assert counted("skipped") == before + 1
    assert "p1@example.com" not in [record.rcpt for record in sink.accepted]


def test_the_audience_is_counted_and_frozen_at_the_start(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        workspace = engine.workspace
        twice = factories.recipient(workspace, email="twice@example.com")
        gone = factories.recipient(workspace, email="gone@example.com", status="unsubscribed")
        bad = factories.recipient(workspace, email="bad@example.com")
        factories.save(Suppression(workspace_id=workspace.id, email=bad.email))
        for members in ([twice], [twice, gone, bad]):
            engine.add_group(factories.group(workspace, members=members))
        engine.run()
    engine.refresh()
    campaign = engine.campaign
    assert (campaign.total, campaign.left_out_duplicate) == (4, 1)
    assert (campaign.left_out_unsubscribed, campaign.left_out_suppressed) == (1, 1)
    assert len(sink.accepted) == 4


def test_an_erased_person_is_skipped_by_the_hash_that_is_left(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        engine.plan()
        hashed = suppressions.hash_of("p1@example.com")
        whose = {"workspace_id": engine.workspace.id, "email_hash": hashed}
        factories.save(Suppression(**whose, email=None))
        engine.run()
    assert engine.statuses() == {"sent": 2, "skipped": 1}


def test_planning_twice_makes_no_message_twice(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        assert (engine.plan(), engine.plan()) == (3, None)
    assert engine.statuses() == {"pending": 3}


def test_a_message_that_always_provokes_a_rate_limit_steps_aside(live_app: Flask, tmp_path: Path):
    limit = Fault("rcpt", reply="450 4.7.1 rate limit exceeded, slow down", rcpt="p0@")
    with SmtpSink([limit]) as sink:
        engine = start(sink, tmp_path)
        for _ in range(3):
            engine.run()
            engine.wake_sender()
        engine.run()
        assert engine.statuses() == {"sent": 2, "deferred": 1}
        engine.make_due()
        engine.run()
    assert engine.statuses() == {"sent": 2, "deferred": 1}
    assert engine.sender_state() == "active"  # it rests no more for this one


def test_a_paused_campaign_sends_nothing_and_resumes_where_it_stopped(
    live_app: Flask, tmp_path: Path
):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        engine.plan()
        engine.round()
        engine.set_status("paused")
        engine.drain()
        assert sink.accepted == []
        engine.set_status("sending")
        engine.run()
    assert engine.statuses() == {"sent": 3}


def test_a_cancelled_campaign_counts_the_rest_as_cancelled(live_app: Flask, tmp_path: Path):
    with SmtpSink([Fault("rcpt", reply="451 4.3.0 later", rcpt="p1@")]) as sink:
        engine = start(sink, tmp_path)
        engine.run()
        engine.set_status("cancelled")
        engine.round()
    assert engine.statuses() == {"sent": 2, "cancelled": 1}
    counts = engine.counts()
    assert (counts.cancelled, counts.done, counts.total) == (1, 3, 3)


def test_a_closed_door_cools_the_sender_until_it_opens(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        engine.set_port(1)
        engine.run()
        assert engine.sender_state() == "cooling"
        engine.set_port(sink.port)
        engine.wake_sender()
        engine.run()
    assert engine.statuses() == {"sent": 3}


def test_the_delay_between_two_mails_is_kept(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, delay_seconds=0.4, max_connections=2)
        engine.run()
    times = sorted(record.time for record in sink.accepted)
    assert all(later - earlier > 0.35 for earlier, later in pairwise(times))


def test_a_daily_cap_holds_the_rest_back(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, per_day=2)
        engine.run()
    assert engine.statuses() == {"sent": 2, "pending": 1}
    assert len(sink.accepted) == 2


def test_a_policy_refusal_pauses_the_campaign_and_suppresses_nobody(
    live_app: Flask, tmp_path: Path
):
    with SmtpSink([Fault("rcpt", reply="550 5.7.26 unauthenticated mail", rcpt="p0@")]) as sink:
        engine = start(sink, tmp_path)
        engine.run()
    assert engine.status() == "paused"
    assert "5.7.26" in engine.campaign.pause_reason
    assert db.session.query(Suppression).execution_options(all_workspaces=True).count() == 0
