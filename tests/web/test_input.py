"""What no form of ours sends: it is turned away, never a crash."""

from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient

from campaign_app.web import door
from tests.people import Person

HUGE = "9" * 30


@pytest.mark.parametrize(
    "address",
    [
        f"/campaigns/{HUGE}",
        f"/reports/?campaign={HUGE}",
        f"/reports/messages?key=5.1.1&before={HUGE}",
        f"/templates/new?campaign={HUGE}",
    ],
)
def test_an_id_that_cannot_be_is_not_found(alice: Person, address: str):
    assert alice.client.get(address).status_code == 404


@pytest.mark.parametrize("address", ["campaigns", "imports", "templates", "groups", "recipients"])
def test_a_page_far_behind_the_end_still_answers(alice: Person, address: str):
    assert alice.client.get(f"/{address}/?page={HUGE}").status_code == 200


@pytest.mark.parametrize("number", ["²", HUGE, "-1", "1e3"])
def test_a_number_that_is_no_id_is_passed_over(alice: Person, number: str):
    values = {"action": "unsubscribe", "id": number}
    assert alice.client.post("/recipients/bulk", data=values).status_code == 302
    person = {"email": "ana@example.com", "group_id": number}
    assert alice.client.post("/recipients/new", data=person).status_code == 302


@pytest.mark.parametrize("address", ["/recipients/?q=%00", "/reports/messages?key=%00"])
def test_a_nul_in_an_address_is_refused(alice: Person, address: str):
    assert alice.client.get(address).status_code == 422


@pytest.mark.parametrize("address", ["/groups/", "/settings/", "/recipients/new", "/signup"])
def test_a_nul_in_a_form_is_refused(alice: Person, address: str):
    values = {"name": "a\x00b", "email": "a@example.com", "time_zone": "UTC"}
    assert alice.client.post(address, data=values).status_code == 422


def test_a_stranger_cannot_fill_the_disk(client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door, "PAGE_BYTES", 100)
    file = {"file": (io.BytesIO(b"x" * 200), "list.csv")}
    assert client.post("/imports/new", data=file).status_code == 413


def test_only_an_upload_may_be_large(alice: Person, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door, "PAGE_BYTES", 100)
    assert alice.client.post("/groups/", data={"name": "n" * 200}).status_code == 413
    file = {"file": (io.BytesIO(b"email\n" + b"a@example.com\n" * 20), "list.csv")}
    assert alice.client.post("/imports/new", data=file).status_code == 302
