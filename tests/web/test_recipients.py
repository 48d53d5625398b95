"""The recipients' pages, as Alice, her colleague Bob and the stranger Charlie see them."""

from __future__ import annotations

import pytest
from flask import Flask

from campaign_app.extensions import db
from campaign_app.models.recipients import Recipient
from campaign_app.services import groups, recipients, suppressions
from campaign_app.services.consent import Why
from tests import factories
from tests.people import Person

HTMX = {"HX-Request": "true"}


def reload(recipient: Recipient) -> Recipient:
    db.session.refresh(recipient)
    return recipient


def test_an_empty_list_says_what_to_do(alice: Person):
    text = alice.client.get("/recipients/").text
    assert "Nobody on your list yet" in text
    assert "Upload a file" in text


def test_colleagues_share_the_list_and_strangers_do_not(
    alice: Person, bob: Person, charlie: Person
):
    factories.recipient(alice.workspace, email="ana@example.com")
    assert "ana@example.com" in alice.client.get("/recipients/").text
    assert "ana@example.com" in bob.client.get("/recipients/?q=ANA&status=subscribed").text
    assert "ana@example.com" not in charlie.client.get("/recipients/").text


def test_a_search_that_finds_nobody_can_be_cleared(alice: Person):
    text = alice.client.get("/recipients/?q=<zoe>").text
    assert "begins with “&lt;zoe&gt;”" in text
    assert "Clear the filter" in text


def test_nonsense_in_the_address_bar_is_not_asked_for(alice: Person):
    factories.recipient(alice.workspace, email="ana@example.com")
    address = "/recipients/?status=asleep&group=x&after=²&before=-1&page=0"
    assert "ana@example.com" in alice.client.get(address).text


def test_htmx_gets_the_rows_alone_and_a_clean_address(alice: Person):
    factories.recipient(alice.workspace, email="ana@example.com")
    answer = alice.client.get("/recipients/?q=an&status=&group=", headers=HTMX)
    assert "<html" not in answer.text
    assert "ana@example.com" in answer.text
    assert answer.headers["HX-Push-Url"] == "/recipients/?q=an"
    assert "HX-Request" in answer.headers["Vary"]


def test_a_persons_tags_lead_to_all_who_bear_them(alice: Person):
    ana = factories.recipient(alice.workspace, tags=["early bird"])
    link = 'href="/recipients/?tag=early+bird">early bird</a>'
    assert link in alice.client.get(f"/recipients/{ana.id}").text


def test_going_back_gets_the_whole_page(alice: Person):
    headers = {**HTMX, "HX-History-Restore-Request": "true"}
    assert "<html" in alice.client.get("/recipients/", headers=headers).text


def test_pages_link_to_each_other(alice: Person):
    people = {f"p{number}@x.com": "" for number in range(120)}
    recipients.ensure(alice.workspace, people, why=Why("Added", "page"))
    db.session.commit()
    first = alice.client.get("/recipients/?q=p").text
    assert "1–50 of 120" in first
    following = first.split('aria-label="Next page"')[0].rsplit('href="', 1)[1].split('"')[0]
    assert "51–100 of 120" in alice.client.get(following.replace("&amp;", "&")).text


def test_somebody_is_added_with_attributes_and_groups(bob: Person):
    group = factories.group(bob.workspace)
    form = {
        "email": "Ana@Example.com",
        "name": "Ana",
        "attribute_key": ["city", ""],
        "attribute_value": ["Koper", ""],
        "group_id": [str(group.id)],
    }
    answer = bob.client.post("/recipients/new", data=form, follow_redirects=True)
    assert "ana@example.com is on your list." in answer.text
    ana = recipients.by_email(bob.workspace, "ana@example.com")
    assert ana is not None
    assert ana.attributes == {"city": "Koper"}
    assert groups.sizes(bob.workspace) == {group.id: 1}


def test_an_address_already_there_is_linked(alice: Person):
    ana = factories.recipient(alice.workspace, email="ana@example.com", name="Ana")
    answer = alice.client.post("/recipients/new", data={"email": "ANA@example.com"})
    assert answer.status_code == 422
    assert "is on your list already" in answer.text
    assert f'href="/recipients/{ana.id}"' in answer.text


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"email": ""}, "Enter an e-mail address."),
        ({"email": "ana"}, "has no @"),
        ({"email": "a@b.com", "attribute_key": "2x", "attribute_value": "v"}, "merge field"),
    ],
)
def test_a_wrong_form_comes_back_with_what_was_typed(alice: Person, form, message: str):
    answer = alice.client.post("/recipients/new", data={"name": "Typed", **form})
    assert answer.status_code == 422
    assert message in answer.text
    assert 'value="Typed"' in answer.text


def test_somebody_is_edited(alice: Person):
    ana = factories.recipient(alice.workspace, attributes={"city": "Koper", "old": "1"})
    form = {
        "email": "new@x.com",
        "name": "New",
        "attribute_key": "city",
        "attribute_value": "Izola",
    }
    answer = alice.client.post(f"/recipients/{ana.id}/edit", data=form)
    assert answer.location == f"/recipients/{ana.id}"
    assert (reload(ana).email, ana.name, ana.attributes) == ("new@x.com", "New", {"city": "Izola"})


def test_an_edit_to_a_taken_address_changes_nothing(alice: Person):
    factories.recipient(alice.workspace, email="taken@x.com")
    ana = factories.recipient(alice.workspace, email="ana@x.com", name="Ana")
    answer = alice.client.post(
        f"/recipients/{ana.id}/edit", data={"email": "taken@x.com", "name": "Changed"}
    )
    assert answer.status_code == 422
    assert (reload(ana).email, ana.name) == ("ana@x.com", "Ana")


def test_a_person_can_be_unsubscribed_and_brought_back(alice: Person):
    ana = factories.recipient(alice.workspace)
    alice.client.post(f"/recipients/{ana.id}/unsubscribe", data={"reason": ""})
    assert (reload(ana).status, ana.status_reason) == ("unsubscribed", "Unsubscribed by Alice")
    refused = alice.client.post(f"/recipients/{ana.id}/resubscribe", follow_redirects=True)
    assert "Say how they asked" in refused.text
    alice.client.post(f"/recipients/{ana.id}/resubscribe", data={"reason": "Fair"})
    assert reload(ana).status == "subscribed"
    text = alice.client.get(f"/recipients/{ana.id}").text
    assert "Fair" in text
    assert "Unsubscribed by Alice" in text


def test_somebody_who_complained_has_no_way_back(alice: Person):
    ana = factories.recipient(alice.workspace, status="complained")
    assert "#resubscribe" not in alice.client.get(f"/recipients/{ana.id}").text
    answer = alice.client.post(
        f"/recipients/{ana.id}/resubscribe", data={"reason": "x"}, follow_redirects=True
    )
    assert "has marked your mail as spam" in answer.text


def test_a_suppressed_person_is_marked(alice: Person):
    ana = factories.recipient(alice.workspace)
    suppressions.put(alice.workspace, [ana.email], reason="550", source="smtp")
    db.session.commit()
    assert "Suppressed" in alice.client.get("/recipients/").text
    assert "on the suppression list: 550" in alice.client.get(f"/recipients/{ana.id}").text


def test_deleting_asks_nothing_more(alice: Person):
    ana = factories.recipient(alice.workspace, email="ana@example.com")
    answer = alice.client.post(f"/recipients/{ana.id}/delete", follow_redirects=True)
    assert "ana@example.com is deleted." in answer.text
    assert recipients.by_email(alice.workspace, "ana@example.com") is None


def test_a_selection_is_added_to_a_new_group(alice: Person):
    ids = [factories.recipient(alice.workspace).id for _ in range(3)]
    form = {"action": "join", "id": ids[:2], "new_group": "Fresh", "status": "subscribed"}
    answer = alice.client.post("/recipients/bulk", data=form)
    assert answer.location == "/recipients/?status=subscribed"
    [group] = groups.standing(alice.workspace)
    assert (group.name, groups.sizes(alice.workspace)) == ("Fresh", {group.id: 2})


def test_all_who_match_are_deleted_and_no_more(alice: Person):
    factories.recipient(alice.workspace, email="ana@x.com", name="")
    factories.recipient(alice.workspace, email="bor@x.com", name="")
    form = {"action": "delete", "everybody": "1", "q": "an"}
    answer = alice.client.post("/recipients/bulk", data=form, follow_redirects=True)
    assert "Deleted 1 recipient." in answer.text
    assert recipients.by_email(alice.workspace, "bor@x.com")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"action": "explode", "id": "1"}, "Choose what to do"),
        ({"action": "delete"}, "Choose at least one"),
        ({"action": "join", "id": "1"}, "Choose a group"),
        ({"action": "resubscribe", "id": "1"}, "Say how they asked"),
    ],
)
def test_an_unclear_action_says_what_is_missing(alice: Person, form, message: str):
    answer = alice.client.post("/recipients/bulk", data=form, follow_redirects=True)
    assert message in answer.text


def test_a_viewer_looks_and_does_not_touch(app: Flask, alice: Person):
    ana = factories.recipient(alice.workspace)
    vera = Person.enter(
        app, factories.membership(name="Vera", role="viewer", workspace=alice.workspace)
    )
    assert ana.email in vera.client.get("/recipients/").text
    assert "Add somebody" not in vera.client.get("/recipients/").text
    assert vera.client.post(f"/recipients/{ana.id}/delete").status_code == 403


def test_a_stranger_sees_404(alice: Person, charlie: Person):
    ana = factories.recipient(alice.workspace)
    for path in ("", "/edit"):
        assert charlie.client.get(f"/recipients/{ana.id}{path}").status_code == 404
    for path in ("edit", "delete", "unsubscribe", "resubscribe"):
        assert charlie.client.post(f"/recipients/{ana.id}/{path}").status_code == 404
    charlie.client.post("/recipients/bulk", data={"action": "delete", "id": ana.id})
    assert reload(ana).status == "subscribed"
