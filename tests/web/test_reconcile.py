"""The button "Check and repair"."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.models.campaigns import Campaign
from tests import factories, mailings
from tests.people import Person

HTMX = {"HX-Request": "true"}


@pytest.fixture
def finished(alice: Person) -> Campaign:
    return mailings.freeze(mailings.mailing(alice.workspace, ["sent", "sent", "failed"]))


def press(person: Person, campaign: Campaign, **headers: str):
    return person.client.post(f"/campaigns/{campaign.id}/reconcile", headers=headers)


def test_it_tells_that_everything_is_in_order(alice: Person, finished: Campaign):
    answer = press(alice, finished, **HTMX)
    assert "Everything is in order" in answer.text
    assert "Batches checked: 2." in answer.text
    assert "<html" not in answer.text


def test_it_tells_in_plain_words_what_it_put_right(alice: Person, finished: Campaign):
    db.session.execute(text("UPDATE batches SET sent = 7"))
    db.session.commit()
    answer = press(alice, finished, **HTMX)
    assert "2 batches did not match the messages in them and were counted anew." in answer.text


def test_without_scripts_the_report_stands_on_the_page(alice: Person, finished: Campaign):
    answer = alice.client.post(f"/campaigns/{finished.id}/reconcile", follow_redirects=True)
    assert "Everything is in order." in answer.text


def test_a_draft_is_refused(alice: Person):
    assert press(alice, factories.campaign(alice.workspace)).status_code == 302


def test_the_page_has_the_button(alice: Person, finished: Campaign):
    assert "Check and repair" in alice.client.get(f"/campaigns/{finished.id}/analytics").text


def test_a_stranger_finds_nothing(charlie: Person, finished: Campaign):
    assert press(charlie, finished).status_code == 404
