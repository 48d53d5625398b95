"""What a person or a program sees when the database takes longer than anybody waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Timer

import pytest
from flask import Flask
from sqlalchemy import Connection, text

from campaign_app import create_app
from campaign_app.extensions import db
from campaign_app.models.campaigns import Campaign
from campaign_app.models.recipients import Recipient
from campaign_app.web import campaign_review
from config import Config
from tests import factories
from tests.api.program import Program
from tests.campaigns import ready
from tests.people import Person


@pytest.fixture
def hasty_app(live_app: Flask, config: Config) -> Iterator[Flask]:
    """The web's application with a second's patience, beside another on the same database."""
    url = live_app.config["SQLALCHEMY_DATABASE_URI"]
    hasty = create_app(replace(config, database_url=url), statement_seconds=1)
    hasty.config["WTF_CSRF_ENABLED"] = False
    yield hasty
    with hasty.app_context():
        db.engine.dispose()


@pytest.fixture
def hana(hasty_app: Flask) -> Person:
    """A member whose browser meets the hasty application."""
    return Person.enter(hasty_app, factories.membership(name="Hana"))


@pytest.fixture
def held(hana: Person) -> Iterator[Recipient]:
    """Somebody whose row another transaction holds for as long as the test lasts."""
    person = factories.recipient(hana.workspace)
    row_id = person.id
    db.session.execute(text("SELECT FROM recipients WHERE id = :id FOR UPDATE"), {"id": row_id})
    yield person
    db.session.rollback()


def test_a_page_that_takes_too_long_says_so(hana: Person, held: Recipient):
    answer = hana.client.post(f"/recipients/{held.id}/unsubscribe")
    assert answer.status_code == 503
    assert "That took too long" in answer.text


def test_a_program_is_told_that_it_took_too_long(hana: Person, held: Recipient):
    path = f"/recipients/{held.id}"
    db.session.rollback()
    program = Program.of(hana)
    db.session.execute(text("SELECT FROM recipients FOR UPDATE"))
    answer = program.patch(path, {"name": "Ada"})
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert "took too long" in answer.get_json()["detail"]
    assert answer.get_json()["retryable"] is True


@pytest.fixture
def uncountable(
    live_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Person, Campaign, Connection]]:
    """A draft whose audience cannot be counted until the other transaction ends."""
    monkeypatch.setattr(campaign_review, "GLANCE_SECONDS", 0.5)
    alice = Person.enter(live_app, factories.membership(name="Alice"))
    campaign = ready(alice)
    db.session.commit()
    with db.engine.connect() as other:
        other.execute(text("LOCK TABLE suppressions IN ACCESS EXCLUSIVE MODE"))
        yield alice, campaign, other


def test_the_last_look_comes_at_once_and_the_number_when_it_is_there(
    uncountable: tuple[Person, Campaign, Connection],
):
    alice, campaign, other = uncountable
    url = f"/campaigns/{campaign.id}"
    page = alice.client.get(url)
    assert page.status_code == 200
    assert "Counting…" in page.text
    assert f'hx-get="{url}/audience"' in page.text
    assert "to everybody chosen now?" in page.text
    release = Timer(0.5, other.rollback)
    release.start()
    part = alice.client.get(f"{url}/audience").text
    release.join()
    assert "<dt>chosen</dt><dd>1</dd>" in part
    assert "How long it takes" in part
    assert "hx-get" not in part


def test_a_program_is_told_in_time_that_nobody_has_counted_yet(
    uncountable: tuple[Person, Campaign, Connection],
):
    alice, campaign, other = uncountable
    url, program = f"/campaigns/{campaign.id}/status", Program.of(alice)
    told = program.get(url).get_json()
    assert (told["status"], told["sent"], told["done"]) == ("draft", 0, 0)
    assert (told["total"], told["pending"], told["left_out"]) == (None, None, None)
    other.rollback()
    told = program.get(url).get_json()
    assert (told["total"], told["pending"]) == (1, 1)


def test_a_download_may_take_its_time(hana: Person, live_app: Flask):
    factories.recipient(hana.workspace, email="ana@example.com")
    with db.engine.connect() as other:
        other.execute(text("LOCK TABLE group_members IN ACCESS EXCLUSIVE MODE"))
        release = Timer(1.5, other.rollback)
        release.start()
        assert "ana@example.com" in hana.client.get("/exports/recipients.csv").text
        release.join()
