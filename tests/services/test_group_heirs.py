"""Campaigns follow a group into the one it became part of, and come back with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.campaigns import Campaign
from campaign_app.models.recipients import Group
from campaign_app.public.mail_links import Ref
from campaign_app.services import (
    audience_choice,
    campaigns,
    group_merging,
    groups,
    recipient_bulk,
)
from campaign_app.services.audience_choice import Choice
from tests import factories
from tests.people import Person
from tests.waiting import until_somebody_waits_for

SPARE = text(
    "INSERT INTO campaign_groups (workspace_id, campaign_id, group_id, excluded)"
    " SELECT workspace_id, :campaign, id, true FROM groups WHERE id = :group"
)


def two_groups(person: Person) -> tuple[Group, Group]:
    """One without members, and one that has somebody."""
    ana = factories.recipient(person.workspace)
    return factories.group(person.workspace), factories.group(person.workspace, members=[ana])


def merge(person: Person, one: Group, two: Group) -> None:
    """Let the second become part of the first, at once."""
    bulk, _ = group_merging.merge(person.workspace, [one.id, two.id], into=one, user=person.user)
    if bulk:
        recipient_bulk.run(bulk)
    db.session.commit()


def undo(person: Person) -> None:
    [bulk] = recipient_bulk.recent(person.workspace)
    recipient_bulk.undo(person.workspace, bulk, user=person.user)
    recipient_bulk.run(bulk)
    db.session.commit()
    db.session.expire_all()


def chosen(person: Person, campaign: Campaign) -> tuple[list[int], list[int]]:
    now = audience_choice.of(person.workspace, campaign)
    return list(now.group_ids), list(now.exclude_group_ids)


def test_an_undone_merge_gives_drafts_their_groups_back(alice: Person):
    one, two = two_groups(alice)
    goes, both = (factories.campaign(alice.workspace, groups=[two]) for _ in range(2))
    spares = factories.campaign(alice.workspace)
    audience_choice.save(alice.workspace, both, Choice(group_ids=[one.id, two.id]))
    audience_choice.save(alice.workspace, spares, Choice(exclude_group_ids=[two.id]))
    merge(alice, one, two)
    assert chosen(alice, goes) == chosen(alice, both) == ([one.id], [])
    assert chosen(alice, spares) == ([], [one.id])
    undo(alice)
    assert chosen(alice, goes) == ([two.id], [])
    assert chosen(alice, both) == ([one.id, two.id], [])
    assert chosen(alice, spares) == ([], [two.id])


def test_what_a_draft_has_chosen_since_the_merge_stands(alice: Person):
    one, two = two_groups(alice)
    other = factories.group(alice.workspace)
    draft, planned = (factories.campaign(alice.workspace, groups=[two]) for _ in range(2))
    merge(alice, one, two)
    audience_choice.save(alice.workspace, draft, Choice(group_ids=[other.id]))
    planned.planned_at = planned.created_at
    undo(alice)
    assert chosen(alice, draft) == ([other.id], [])
    assert chosen(alice, planned) == ([one.id], [])


def test_a_campaign_that_was_changed_during_a_merge_stops_it(alice: Person):
    one, two = two_groups(alice)
    campaign = factories.campaign(alice.workspace, groups=[one])
    bulk, _ = group_merging.merge(alice.workspace, [two.id], into=one, user=alice.user)
    choice = Choice(group_ids=[one.id], exclude_group_ids=[two.id])
    audience_choice.save(alice.workspace, campaign, choice)
    with pytest.raises(Conflict, match="leaves another out"):
        recipient_bulk.run(bulk)
    assert not two.hidden
    assert chosen(alice, campaign) == ([one.id], [two.id])


@pytest.fixture
def dora(live_app: Flask) -> Person:
    """The owner of a workspace where commits are real."""
    return Person.enter(live_app, factories.membership())


def test_an_exclusion_that_is_just_being_saved_is_waited_for(dora: Person):
    one, two = two_groups(dora)
    campaign = factories.campaign(dora.workspace, groups=[one])
    form = {"id": [one.id, two.id], "target_group": one.id}
    with ThreadPoolExecutor(1) as threads, db.engine.connect() as editor:
        editor.execute(SPARE, {"campaign": campaign.id, "group": two.id})
        answer = threads.submit(dora.client.post, "/groups/merge", data=form, follow_redirects=True)
        until_somebody_waits_for(editor)
        editor.commit()
        assert "leaves another out" in answer.result().text
    assert len(groups.standing(dora.workspace)) == 2


def test_a_group_that_is_just_being_merged_is_not_chosen(dora: Person, live_app: Flask):
    one, two = two_groups(dora)
    campaign_id = factories.campaign(dora.workspace).id
    workspace, spared = Ref(dora.workspace.id), two.id

    def save() -> None:
        with live_app.app_context():
            campaign = campaigns.get(workspace, campaign_id)
            audience_choice.save(workspace, campaign, Choice(exclude_group_ids=[spared]))

    with ThreadPoolExecutor(1) as threads:
        bulk, _ = group_merging.merge(workspace, [spared], into=one, user=dora.user)
        recipient_bulk.run(bulk)
        saving = threads.submit(save)
        until_somebody_waits_for(db.session.connection())
        db.session.commit()
        with pytest.raises(Invalid, match="does not exist"):
            saving.result()
