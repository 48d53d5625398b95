"""A group's sign-up form as its owner meets it."""

from __future__ import annotations

import html
import re

import pytest

from campaign_app.extensions import db
from campaign_app.models.recipients import Group
from campaign_app.models.signups import SignupForm
from tests import factories
from tests.people import Person

WORDS = {"title": "Our news", "consent": "I agree.", "attributes": "city; plan", "is_open": "y"}


@pytest.fixture
def group(alice: Person) -> Group:
    return factories.group(alice.workspace, name="News")


def save(owner: Person, group: Group, **values: object):
    sender = factories.sender(owner.workspace)
    return owner.client.post(
        f"/groups/{group.id}/form/", data={**WORDS, "sender_id": sender.id, **values}
    )


def forms_of(owner: Person) -> list[SignupForm]:
    db.session.expire_all()
    return db.session.query(SignupForm).filter_by(workspace_id=owner.workspace.id).all()


def test_a_form_is_made_with_its_address_and_its_snippet(alice: Person, group: Group):
    assert "No form yet" in alice.client.get(f"/groups/{group.id}/form/").text
    assert save(alice, group).status_code == 302
    [form] = forms_of(alice)
    assert (form.attributes, form.is_open, form.version) == (["city", "plan"], True, 1)
    page = alice.client.get(f"/groups/{group.id}/form/").text
    [address] = set(re.findall(r'href="[^"]*(/s/[\w-]{24})"', page))
    snippet = html.unescape(re.search(r'id="snippet"[^>]*>(.*?)</textarea>', page, re.DOTALL)[1])
    assert snippet.startswith("<form action=")
    assert address in snippet
    assert "<script" not in snippet
    assert alice.client.get(address).status_code == 200


def test_the_words_of_a_form_cannot_break_out_of_its_snippet(alice: Person, group: Group):
    save(alice, group, consent="</textarea><script>alert(1)</script>")
    page = alice.client.get(f"/groups/{group.id}/form/").text
    assert "<script>alert(1)" not in page


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"title": " "}, "Give the form a title"),
        ({"attributes": "e-mail"}, "cannot be an attribute"),
        ({"next_url": "http://shop.example"}, "begins with https"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(alice: Person, group: Group, wrong, words: str):
    answer = save(alice, group, **wrong)
    assert answer.status_code == 422
    assert words in answer.text
    assert forms_of(alice) == []


def test_a_group_is_offered_to_its_readers(alice: Person, group: Group):
    path = f"/groups/{group.id}/form/public"
    alice.client.post(path, data={"public": "1", "public_name": "Our newsletter"})
    db.session.refresh(group)
    assert (group.public, group.public_name) == (True, "Our newsletter")
    alice.client.post(path, data={"public_name": ""})
    db.session.refresh(group)
    assert not group.public


def test_each_wording_can_be_read_later(alice: Person, group: Group):
    save(alice, group)
    save(alice, group, consent="I agree to all.")
    path = f"/groups/{group.id}/form/versions"
    assert "I agree." in alice.client.get(f"{path}/1").text
    assert "I agree to all." in alice.client.get(f"{path}/2").text
    assert alice.client.get(f"{path}/3").status_code == 404


def test_a_form_takes_no_strangers_sender(alice: Person, charlie: Person, group: Group):
    sender = factories.sender(charlie.workspace)
    answer = save(alice, group, sender_id=sender.id)
    assert answer.status_code == 422
    assert forms_of(alice) == []


def test_deleting_its_sender_closes_a_form(alice: Person, group: Group):
    save(alice, group)
    [form] = forms_of(alice)
    assert alice.client.post(f"/senders/{form.sender_id}/delete").status_code == 302
    assert [one.sender_id for one in forms_of(alice)] == [None]
