"""Leases: renewed together, by one connection of their own, and never once they are lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.sending import claims, slots
from campaign_app.sending.leases import Heartbeat, Lease, boot_clock, renew
from tests.sending.engine import Engine, start
from tests.smtp_sink import SmtpSink
from tests.waiting import until

AGE = text("UPDATE batches SET lease_until = now() + interval '20 s' WHERE state = 'sending'")
LEFT = text(
    "SELECT extract(epoch FROM lease_until - now()) FROM batches WHERE lease_until IS NOT NULL"
)


@pytest.fixture
def engine(live_app: Flask, tmp_path: Path) -> Iterator[Engine]:
    with SmtpSink() as sink:
        yield start(sink, tmp_path)


@pytest.fixture
def held(engine: Engine) -> Lease:
    """A drain's lease on its slot and on the campaign's only batch, 20 seconds before its end.

    It has been renewed for the last time a while ago.
    """
    engine.plan()
    engine.round()
    lease = slots.win(engine.sender.id, worker="ours")
    claim = claims.claim(engine.sender.id, worker="ours", journal="ours", most=4)
    assert lease
    assert claim
    db.session.execute(AGE)
    db.session.commit()
    lease.batches = dict(claim.held)
    lease.deadline = boot_clock() + 20
    return lease


def seconds_left() -> list[float]:
    db.session.rollback()
    return [float(left) for left in db.session.scalars(LEFT)]


def test_a_renewal_is_good_for_slot_batches_and_our_own_deadline(held: Lease):
    renew(db.engine, [held])
    assert seconds_left()[0] > 45
    assert held.deadline > boot_clock() + 45


def test_a_batch_that_somebody_else_holds_by_now_is_not_renewed_nor_the_lease(held: Lease):
    db.session.execute(text("UPDATE batches SET fence = fence + 1"))
    db.session.commit()
    renew(db.engine, [held])
    assert seconds_left()[0] < 21
    assert held.deadline < boot_clock() + 21


def test_a_lost_slot_is_not_renewed(held: Lease):
    db.session.execute(text("UPDATE sender_slots SET fence = fence + 1"))
    db.session.commit()
    renew(db.engine, [held])
    assert held.deadline < boot_clock() + 21


def test_a_slot_that_was_given_back_meanwhile_stays_free(held: Lease):
    slots.release(held)
    renew(db.engine, [held])
    assert slots.win(held.sender_id, worker="next", most=1)


def test_a_batch_in_the_middle_of_being_written_holds_nobody_up(held: Lease):
    with db.engine.connect() as writer:
        writer.execute(text("SELECT 1 FROM batches FOR UPDATE"))
        renew(db.engine, [held])
        assert held.deadline < boot_clock() + 21
        assert held.due_in <= 1
        writer.rollback()
    renew(db.engine, [held])
    assert held.deadline > boot_clock() + 45


def test_the_heartbeat_needs_no_place_in_the_pool(held: Lease):
    db.session.scalar(text("SELECT 1"))
    pool = [db.engine.connect() for _ in range(15)]  # and one is the session's
    heartbeat = Heartbeat()
    heartbeat.watch(held, db.engine)
    try:
        until(lambda: held.deadline > boot_clock() + 45)
    finally:
        heartbeat.forget(held)
        for connection in pool:
            connection.close()
