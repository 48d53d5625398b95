"""What is held about one person: shown, handed over, erased."""

from __future__ import annotations

import io
import json
from zipfile import ZipFile

import pytest

from campaign_app.extensions import db
from campaign_app.models.erasures import Erasure
from campaign_app.models.recipients import Recipient
from campaign_app.services import consent
from tests import factories
from tests.people import Person

URL = "/recipients/data/"


@pytest.fixture
def ana(alice: Person) -> Recipient:
    ana = factories.recipient(
        alice.workspace, email="ana@example.com", attributes={"city": "=Split"}
    )
    factories.message(factories.campaign(alice.workspace, subject="Sale"), ana)
    consent.unsubscribe(alice.workspace, ana, reason="Asked", source="page", user=alice.user)
    db.session.commit()
    return ana


def test_all_of_it_is_handed_over_as_json_and_csv(alice: Person, ana: Recipient):
    answer = alice.client.get(f"{URL}export.zip?email=Ana@example.com")
    with ZipFile(io.BytesIO(answer.get_data())) as archive:
        whole = json.loads(archive.read("personal data.json"))
        assert "'=Split" not in archive.read("personal data.json").decode()
        sheets = {name for name in archive.namelist() if name.endswith(".csv")}
    assert whole["recipient"][0]["attributes"] == {"city": "=Split"}
    assert whole["messages"][0]["subject"] == "Sale"
    assert [event["reason"] for event in whole["consent"]] == ["Asked"]
    assert sheets == {"recipient.csv", "messages.csv", "consent.csv"}


def test_the_page_says_how_much_is_held(alice: Person, ana: Recipient):
    page = alice.client.get(f"{URL}?email=ana@example.com").text
    assert "Entries of the consent log" in page
    assert "Erase for good" in page
    assert "Nothing is held" in alice.client.get(f"{URL}?email=bo@example.com").text


def test_a_stranger_sees_that_nothing_is_held(charlie: Person, ana: Recipient):
    assert "Nothing is held" in charlie.client.get(f"{URL}?email=ana@example.com").text
    data = {"email": "ana@example.com", "typed": "ana@example.com"}
    charlie.client.post(f"{URL}erase", data=data)
    assert ana.status == "unsubscribed"


def test_erasing_needs_the_address_once_more(alice: Person, ana: Recipient):
    data = {"email": "ana@example.com", "typed": "ana"}
    answer = alice.client.post(f"{URL}erase", data=data)
    assert answer.status_code == 422
    assert "Type the whole address" in answer.text
    answer = alice.client.post(f"{URL}erase", data={**data, "typed": "ana@example.com"})
    assert answer.status_code == 302
    assert db.session.query(Recipient).filter_by(workspace_id=alice.workspace.id).all() == []
    assert db.session.query(Erasure).filter_by(workspace_id=alice.workspace.id).count() == 1
    assert "Erasing…" in alice.client.get(URL).text


def test_what_is_no_address_is_said(alice: Person):
    answer = alice.client.get(f"{URL}?email=ana")
    assert (answer.status_code, "has no @" in answer.text) == (422, True)
