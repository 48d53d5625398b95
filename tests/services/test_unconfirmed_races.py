"""Deciding while others decide, while the campaign is being sent, and while a journal turns up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict
from campaign_app.models.campaigns import Campaign
from campaign_app.models.people import User
from campaign_app.sending import journal_names, late_journals
from campaign_app.sending.journal import Journal
from campaign_app.services import unconfirmed
from campaign_app.services.unconfirmed import Action
from tests import factories
from tests.sending.engine import Engine, start
from tests.smtp_sink import SmtpSink

PEOPLE = 60
JOURNAL = journal_names.of(1, 0, 1)


@pytest.fixture
def sink():
    with SmtpSink() as running:
        yield running


@pytest.fixture
def engine(live_app: Flask, sink: SmtpSink, tmp_path: Path) -> Engine:
    """A campaign of two batches; the first ten messages are unconfirmed."""
    engine = start(sink, tmp_path, people=PEOPLE, messages_per_connection=5)
    engine.plan()
    lost = db.session.scalars(text("SELECT id FROM messages ORDER BY id LIMIT 10")).all()
    db.session.execute(
        text("UPDATE messages SET status = 'unconfirmed' WHERE id = ANY(:ids)"), {"ids": lost}
    )
    db.session.execute(text("UPDATE batches SET unconfirmed = 10 WHERE size = 50"))
    db.session.execute(
        text(
            "INSERT INTO lost_windows (workspace_id, campaign_id, batch_id, journal, message_ids)"
            " SELECT workspace_id, campaign_id, id, :journal, :ids FROM batches WHERE size = 50"
        ),
        {"journal": JOURNAL, "ids": lost},
    )
    db.session.commit()
    return engine


def adds_up(engine: Engine) -> bool:
    """The batches' counts are those of their messages."""
    told = {name: n for name, n in engine.counts().as_dict().items() if n and name != "done"}
    rows = engine.statuses()
    return told.pop("total") == PEOPLE == rows.total() and told == rows


def at_once(app: Flask, *acts: Callable[[], int]) -> list[int | str]:
    """What each gives when all begin at the same moment; a Conflict gives its name."""
    ready = threading.Barrier(len(acts))

    def run(act: Callable[[], int]) -> int | str:
        with app.app_context():
            ready.wait(60)
            try:
                number = act()
            except Conflict:
                db.session.rollback()
                return "conflict"
            db.session.commit()
            return number

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def deciding(engine: Engine, action: Action) -> Callable[[], int]:
    campaign_id, user_id, workspace = engine.campaign.id, factories.user().id, engine.workspace

    def decide() -> int:
        user = db.session.get_one(User, user_id)
        campaign = db.session.query(Campaign).filter_by(workspace_id=workspace.id).one()
        assert campaign.id == campaign_id
        return unconfirmed.resolve(workspace, campaign, action=action, user=user)

    return decide


def test_of_two_who_decide_at_once_one_wins(engine: Engine, live_app: Flask):
    given = at_once(
        live_app,
        deciding(engine, Action.MARK_AS_SENT),
        deciding(engine, Action.SEND_AGAIN),
    )
    assert sorted(given, key=str) == [10, "conflict"]
    assert engine.counts().unconfirmed == 0
    assert adds_up(engine)


def test_deciding_while_it_is_being_sent_loses_and_doubles_nobody(
    engine: Engine, live_app: Flask, sink: SmtpSink
):
    engine.round()
    decide = deciding(engine, Action.SEND_AGAIN)

    def drain() -> int:
        engine.drain()
        return 0

    assert at_once(live_app, drain, decide, drain) == [0, 10, 0]
    engine.run()
    assert engine.statuses() == {"sent": PEOPLE}
    assert adds_up(engine)
    assert len({mail.message_id for mail in sink.accepted}) == len(sink.accepted) == PEOPLE


def test_a_person_and_a_late_journal_do_not_decide_twice(engine: Engine, live_app: Flask):
    engine.workshop.journals.mkdir(parents=True)
    ids = db.session.scalars(text("SELECT message_ids FROM lost_windows")).one()
    with Journal(engine.workshop.journals / JOURNAL) as journal:
        for message_id in ids:
            journal.begin(message_id)
            journal.done(message_id, 250)

    def settle() -> int:
        return late_journals.settle(engine.workshop.journals).sent

    given = at_once(live_app, settle, deciding(engine, Action.SEND_AGAIN), settle)
    assert given.count(10) == 1
    assert engine.counts().unconfirmed == 0
    assert adds_up(engine)
