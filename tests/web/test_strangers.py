"""Ids of a neighbour's rows, put into forms and addresses that take ids beside their own row."""

from __future__ import annotations

import io
from typing import Any

import pytest

from campaign_app.extensions import db
from campaign_app.models.imports import Import
from campaign_app.services import audience, groups
from tests import factories
from tests.people import Person


def campaign_form(**values: Any) -> dict[str, Any]:
    return {"name": "Mine", "subject": "Hello", "html": "<p>Hello</p>", **values}


def test_a_campaign_takes_no_strangers_sender(alice: Person, charlie: Person):
    sender = factories.sender(alice.workspace)
    answer = charlie.client.post("/campaigns/new", data=campaign_form(sender_id=sender.id))
    assert answer.status_code == 422
    assert "No campaign" in charlie.client.get("/campaigns/").text


def test_a_campaign_takes_no_strangers_group(alice: Person, charlie: Person):
    group = factories.group(alice.workspace, members=[factories.recipient(alice.workspace)])
    answer = charlie.client.post("/campaigns/new", data=campaign_form(group_ids=group.id))
    assert answer.status_code == 422
    campaign = factories.campaign(charlie.workspace)
    assert audience.preview(charlie.workspace, campaign).selected == 0


def test_a_recipient_joins_no_strangers_group(alice: Person, charlie: Person):
    group = factories.group(alice.workspace)
    form = {"email": "mine@example.com", "group_id": group.id}
    assert charlie.client.post("/recipients/new", data=form).status_code == 302
    assert groups.sizes(alice.workspace) == groups.sizes(charlie.workspace) == {}


@pytest.mark.parametrize("action", ["join", "leave"])
def test_a_selection_moves_in_and_out_of_no_strangers_group(
    alice: Person, charlie: Person, action: str
):
    hers, mine = factories.recipient(alice.workspace), factories.recipient(charlie.workspace)
    group = factories.group(alice.workspace, members=[hers])
    form = {"action": action, "id": [hers.id, mine.id], "target_group": group.id}
    assert charlie.client.post("/recipients/bulk", data=form).status_code == 404
    assert groups.sizes(alice.workspace) == {group.id: 1}


def test_an_import_fills_no_strangers_group(alice: Person, charlie: Person):
    group = factories.group(alice.workspace)
    form = {"file": (io.BytesIO(b"email\nmine@example.com\n"), "a.csv"), "group_ids": group.id}
    assert charlie.client.post("/imports/new", data=form).status_code == 302
    found = db.session.query(Import).execution_options(all_workspaces=True).one()
    assert (found.workspace_id, found.group_ids) == (charlie.workspace.id, [])


def test_a_filter_by_a_strangers_group_finds_nobody(alice: Person, charlie: Person):
    group = factories.group(alice.workspace, members=[factories.recipient(alice.workspace)])
    factories.recipient(charlie.workspace, email="mine@example.com")
    assert "Nobody matches" in charlie.client.get(f"/recipients/?group={group.id}").text


def test_a_test_is_filled_in_for_no_strangers_recipient(alice: Person, charlie: Person):
    ana = factories.recipient(alice.workspace, name="Secret Ana")
    sender = factories.sender(charlie.workspace, host="127.0.0.1", port=1)
    campaign = factories.campaign(charlie.workspace, sender_id=sender.id)
    form = {"to": "me@example.com", "recipient": ana.id}
    assert charlie.client.post(f"/campaigns/{campaign.id}/test", data=form).status_code == 404
