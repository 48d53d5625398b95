"""Whoever left a group of their own will stays out of it, and is counted so."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.models.recipients import Group, GroupRefusal, Recipient
from campaign_app.services import group_joining, groups
from campaign_app.services.group_joining import Joined
from tests import factories
from tests.api.program import Program
from tests.people import Person


@pytest.fixture
def news(alice: Person) -> Group:
    """A group that lea@x.com has left for good."""
    return factories.group(alice.workspace, name="News")


@pytest.fixture
def lea(alice: Person, news: Group) -> Recipient:
    lea = factories.recipient(alice.workspace, email="lea@x.com")
    whose = {"workspace_id": alice.workspace.id, "group_id": news.id}
    factories.save(GroupRefusal(**whose, recipient_id=lea.id))
    return lea


@pytest.fixture
def program(alice: Person) -> Program:
    return Program.of(alice)


def test_those_who_join_and_those_who_stay_out_are_counted(alice: Person, charlie, news, lea):
    ana, stranger = factories.recipient(alice.workspace), factories.recipient(charlie.workspace)
    ids = [lea.id, ana.id, stranger.id]
    assert group_joining.join(alice.workspace, news.id, ids) == Joined(1, 1)
    assert group_joining.join(alice.workspace, news.id, ids) == Joined(0, 1)
    assert group_joining.refused(charlie.workspace, news.id, ids) == 0
    assert groups.sizes(alice.workspace) == {news.id: 1}


def test_a_bulk_action_says_how_many_stay_out(alice: Person, news: Group, lea: Recipient):
    ana = factories.recipient(alice.workspace)
    factories.join(news, factories.recipient(alice.workspace, email="in@x.com"))
    form = {"action": "join", "everybody": "1", "target_group": news.id}
    page = alice.client.post("/recipients/bulk", data=form, follow_redirects=True).text
    assert "Added 1 recipient to the group “News”; 1 had left it of their own will" in page
    assert "The other 1 stay as they are." in page
    assert [one.id for one in groups.of(alice.workspace, [ana.id])[ana.id]] == [news.id]
    assert groups.of(alice.workspace, [lea.id]) == {}


def test_a_bulk_action_on_them_alone_says_so(alice: Person, news: Group, lea: Recipient):
    form = {"action": "join", "id": lea.id, "target_group": news.id}
    page = alice.client.post("/recipients/bulk", data=form, follow_redirects=True).text
    assert "Added 0 recipients to the group “News”; 1 had left it of their own will" in page


def test_pasting_their_address_says_so(alice: Person, news: Group, lea: Recipient):
    form = {"addresses": f"{lea.email}\nnew@x.com"}
    page = alice.client.post(f"/groups/{news.id}/add", data=form, follow_redirects=True).text
    assert "1 added to the group, 1 of them new on your list, 1 had left it of their own" in page


def test_a_program_is_told_who_came_and_who_did_not(program: Program, news: Group, lea: Recipient):
    body = {"recipient_emails": [lea.email, "new@x.com"]}
    answer = program.patch(f"/groups/{news.id}/recipients", body).get_json()
    assert (answer["added"], answer["refused"], answer["removed"]) == (1, 1, 0)
    assert answer["recipient_count"] == 1
    body = {"remove_emails": [lea.email, "new@x.com"]}
    assert program.patch(f"/groups/{news.id}/recipients", body).get_json()["removed"] == 1


def test_a_program_is_told_which_groups_somebody_stays_out_of(program: Program, news, lea):
    entry = {"email": lea.email, "group_ids": [news.id]}
    [told] = program.post("/recipients/bulk", {"recipients": [entry]}).get_json()["results"]
    assert (told["result"], told["stays_out_of"]) == ("unchanged", [news.id])
    db.session.expire_all()
    assert groups.sizes(program.workspace) == {}
