"""Who gets a campaign."""

from __future__ import annotations

import pytest
from flask import Flask

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.messages import Message
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import ConsentEvent, Recipient, RecipientStatus, Suppression
from campaign_app.sending.plan import plan
from campaign_app.services import audience, audience_choice, audience_direct, segments
from campaign_app.services.audience_choice import Choice
from tests import factories
from tests.people import Person


def mixed_campaign(place: Workspace) -> Campaign:
    """Two groups that overlap in one, with one of each kind who is left out."""
    statuses = ("subscribed", "subscribed", "unsubscribed", "complained", "bounced", "subscribed")
    people = [factories.recipient(place, status=RecipientStatus(status)) for status in statuses]
    factories.save(Suppression(workspace_id=place.id, email=people[5].email))
    factories.save(Suppression(workspace_id=place.id, email=people[2].email))
    groups = [factories.group(place, members=people), factories.group(place, members=people[:1])]
    return factories.campaign(place, groups=groups, sender_id=factories.sender(place).id)


def addresses(person: Person, campaign: Campaign) -> list[str]:
    rows = db.session.execute(audience.members(person.workspace, campaign)).all()
    return sorted(row.email for row in rows)


def test_selected_less_duplicates_unsubscribed_and_suppressed_is_the_audience(alice: Person):
    campaign = mixed_campaign(alice.workspace)
    found = audience.preview(alice.workspace, campaign)
    assert found == audience.Audience(selected=7, duplicates=1, unsubscribed=2, suppressed=2)
    assert found.total == 2 == len(addresses(alice, campaign))


def test_planning_freezes_what_the_preview_said(live_app: Flask):
    place = factories.workspace()
    campaign = mixed_campaign(place)
    found = audience.preview(place, campaign)
    campaign.status = CampaignStatus.SENDING
    db.session.commit()
    assert plan(campaign.id) == found.total
    db.session.refresh(campaign)
    assert (campaign.left_out_duplicate, campaign.left_out_unsubscribed) == (1, 2)
    assert (campaign.total, campaign.left_out_suppressed) == (2, 2)


def test_a_campaign_without_groups_has_nobody(alice: Person):
    campaign = factories.campaign(alice.workspace)
    assert audience.preview(alice.workspace, campaign).total == 0
    assert audience.is_empty(alice.workspace, campaign)


def test_direct_recipients_are_created_subscribed_and_counted_once(alice: Person):
    known = factories.recipient(alice.workspace, email="ana@example.com")
    campaign = factories.campaign(
        alice.workspace, groups=[factories.group(alice.workspace, members=[known])]
    )
    emails = ["Ana@Example.com", "new@example.com", "new@example.com"]
    audience_direct.add(alice.workspace, campaign, emails, user=alice.user)
    found = audience.preview(alice.workspace, campaign)
    assert (found.selected, found.duplicates, found.total) == (3, 1, 2)
    event = db.session.query(ConsentEvent).filter_by(workspace_id=alice.workspace.id).one()
    assert (event.email, event.source) == ("new@example.com", "campaign")


@pytest.mark.parametrize(("count", "more"), [(3, ""), (5, "And 2 more like these.")])
def test_of_many_that_are_refused_three_are_named(alice: Person, count: int, more: str):
    campaign = factories.campaign(alice.workspace)
    wrong = [f"no-address-{n}" for n in range(count)]
    erased = [f"p{n}@example.com" for n in range(count)]
    for one in erased:
        factories.erased(alice.workspace, one)
    for refused in (wrong, erased):
        with pytest.raises(Invalid) as told:
            audience_direct.add(alice.workspace, campaign, refused)
        message = str(told.value)
        assert [one for one in refused if one in message] == refused[:3]
        assert message.endswith(more)
        assert ("more like these" in message) == bool(more)


def test_taking_direct_recipients_out_leaves_them_on_the_list(alice: Person):
    campaign = factories.campaign(alice.workspace)
    audience_direct.add(alice.workspace, campaign, ["a@example.com", "b@example.com"])
    audience_direct.remove(alice.workspace, campaign, ["a@example.com"])
    assert audience_direct.some(alice.workspace, campaign, limit=10) == ["b@example.com"]
    assert audience_direct.count(alice.workspace, campaign) == 1
    assert db.session.query(Recipient).filter_by(workspace_id=alice.workspace.id).count() == 2


def test_wrong_addresses_are_named_and_nobody_is_added(alice: Person):
    campaign = factories.campaign(alice.workspace)
    with pytest.raises(Invalid) as refusal:
        audience_direct.add(alice.workspace, campaign, ["a@example.com", "no at sign"])
    assert refusal.value.field == "direct"
    assert "no at sign" in refusal.value.message
    assert audience_direct.count(alice.workspace, campaign) == 0


def test_a_strangers_group_cannot_be_chosen(alice: Person, charlie: Person):
    campaign = factories.campaign(alice.workspace)
    strange = factories.group(charlie.workspace)
    with pytest.raises(Invalid):
        audience_choice.save(alice.workspace, campaign, Choice(group_ids=[strange.id]))


def test_a_strangers_suppressions_and_namesakes_do_not_count(alice: Person, charlie: Person):
    ana = factories.recipient(alice.workspace, email="ana@example.com")
    factories.recipient(charlie.workspace, email=ana.email, status=RecipientStatus.BOUNCED)
    factories.save(Suppression(workspace_id=charlie.workspace.id, email=ana.email))
    group = factories.group(alice.workspace, members=[ana])
    campaign = factories.campaign(alice.workspace, groups=[group])
    assert audience.preview(alice.workspace, campaign) == audience.Audience(selected=1)
    assert addresses(alice, campaign) == ["ana@example.com"]


def test_planning_freezes_segments_and_exclusions(live_app: Flask):
    place = factories.membership().workspace
    cities = ("Ljubljana", "Ljubljana", "Ljubljana", "Paris")
    people = [factories.recipient(place, attributes={"city": city}) for city in cities]
    press = factories.group(place, members=people[:1])
    rule = {"field": "attribute", "name": "city", "test": "is", "value": "Ljubljana"}
    whom = {"name": "Locals", "rules": {"rules": [rule]}, "user": factories.user()}
    choice = Choice(segment_ids=[segments.create(place, **whom).id], exclude_group_ids=[press.id])
    campaign = factories.campaign(place, sender_id=factories.sender(place).id, status="sending")
    audience_choice.save(place, campaign, choice)
    db.session.commit()
    assert plan(campaign.id) == 2
    db.session.refresh(campaign)
    assert (campaign.total, campaign.left_out_excluded) == (2, 1)
    people[3].attributes = {"city": "Ljubljana"}
    db.session.commit()
    sent = db.session.query(Message.address).filter_by(workspace_id=place.id).all()
    assert sorted(row.address for row in sent) == sorted(one.email for one in people[1:3])
