"""Who was erased comes back by no form of ours; their own sign-up is their own affair."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.models.campaigns import Campaign
from campaign_app.models.recipients import Recipient
from campaign_app.services import recipients
from tests import factories
from tests.people import Person

ANA = "ana@example.com"
TOLD = "The data of this person was erased"


@pytest.fixture(autouse=True)
def erased(alice: Person) -> None:
    factories.erased(alice.workspace, ANA)


def test_one_person_is_refused_beside_the_address(alice: Person, charlie: Person):
    form = {"email": " Ana@Example.com", "name": "Ana"}
    answer = alice.client.post("/recipients/new", data=form)
    assert (answer.status_code, TOLD in answer.text) == (422, True)
    assert "Ana@Example.com" in answer.text
    assert recipients.by_email(alice.workspace, ANA) is None
    charlie.client.post("/recipients/new", data=form)
    assert recipients.by_email(charlie.workspace, ANA)


def test_nobody_else_gets_their_address(alice: Person):
    bo = factories.recipient(alice.workspace, email="bo@example.com")
    answer = alice.client.post(f"/recipients/{bo.id}/edit", data={"email": ANA, "name": "Bo"})
    assert (answer.status_code, TOLD in answer.text) == (422, True)
    db.session.refresh(bo)
    assert bo.email == "bo@example.com"


def test_a_campaign_names_them_beside_its_direct_recipients(alice: Person):
    sender = factories.sender(alice.workspace)
    form = {"name": "Autumn", "subject": "Hi", "html": "<p>Hi</p>", "sender_id": sender.id}
    direct = {"direct": f"bo@example.com, Ana <{ANA}>"}
    answer = alice.client.post("/campaigns/new", data={**form, **direct})
    assert (answer.status_code, f"{ANA}: {TOLD}" in answer.text) == (422, True)
    for model in (Campaign, Recipient):
        assert db.session.query(model).filter_by(workspace_id=alice.workspace.id).count() == 0
