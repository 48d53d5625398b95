"""A campaign's life."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, Invalid, NotFound
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.models.recipients import Group
from campaign_app.services import (
    audience,
    audience_choice,
    audience_direct,
    campaigns,
    group_endings,
    tallies,
)
from campaign_app.services.audience_choice import Choice
from campaign_app.services.campaigns import Draft
from campaign_app.services.contents import Content
from tests import factories
from tests.campaigns import ready, said
from tests.people import Person

ALL = list(CampaignStatus)


def test_a_new_campaign_is_a_draft_with_its_html_made_safe(alice: Person):
    group, sender = factories.group(alice.workspace), factories.sender(alice.workspace)
    content = Content(subject=" Hi\n {{ name }} ", html="<p onclick='x()'>Hi</p><script>x</script>")
    choice = Choice(group_ids=[group.id])
    draft = Draft("Autumn", content, sender_id=sender.id, choice=choice, tpm=60)
    campaign = campaigns.create(alice.workspace, draft, user=alice.user)
    assert (campaign.status, campaign.subject) == (CampaignStatus.DRAFT, "Hi {{ name }}")
    assert campaign.html == "<p>Hi</p>"
    assert audience_choice.of(alice.workspace, campaign).group_ids == [group.id]
    assert said(alice) == ["Alice created “Autumn”"]


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("subject", Content(subject="{{ name | nonsense }}")),
        ("html", Content(html="<p>one</p>\n<p>{% if %}</p>")),
        ("text", Content(text="{{ name ")),
    ],
)
def test_a_broken_template_is_refused_at_its_field_with_its_line(
    alice: Person, field: str, content: Content
):
    with pytest.raises(Invalid, match=r"Line \d") as refusal:
        campaigns.create(alice.workspace, Draft("Autumn", content), user=alice.user)
    assert refusal.value.field == field


def test_a_strangers_sender_cannot_be_chosen(alice: Person, charlie: Person):
    draft = Draft("Autumn", sender_id=factories.sender(charlie.workspace).id)
    with pytest.raises(Invalid) as refusal:
        campaigns.create(alice.workspace, draft, user=alice.user)
    assert refusal.value.field == "sender_id"


def test_a_stranger_does_not_find_it(alice: Person, charlie: Person):
    campaign = factories.campaign(alice.workspace)
    with pytest.raises(NotFound):
        campaigns.get(charlie.workspace, campaign.id)


@pytest.mark.parametrize("status", ALL)
def test_only_drafts_and_scheduled_ones_are_edited(alice: Person, status: CampaignStatus):
    campaign = factories.campaign(alice.workspace, status=status, name="Before")
    if status in (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED):
        campaigns.edit(alice.workspace, campaign, Draft("After"))
        assert campaign.name == "After"
    else:
        with pytest.raises(Conflict, match="“Before” cannot be edited: it is "):
            campaigns.edit(alice.workspace, campaign, Draft("After"))


def test_a_copy_is_a_draft_with_the_same_content_and_audience(alice: Person):
    campaign = ready(alice, status=CampaignStatus.COMPLETED, tpm=30)
    audience_direct.add(alice.workspace, campaign, ["direct@example.com"])
    copy = campaigns.duplicate(alice.workspace, campaign, user=alice.user)
    assert (copy.status, copy.tpm, copy.html) == (CampaignStatus.DRAFT, 30, campaign.html)
    assert copy.own_group_id != campaign.own_group_id
    assert audience.preview(alice.workspace, copy).total == 2


@pytest.mark.parametrize("status", [CampaignStatus.SENDING, CampaignStatus.PAUSED])
def test_what_is_under_way_is_not_deleted(alice: Person, status: CampaignStatus):
    campaign = factories.campaign(alice.workspace, status=status)
    with pytest.raises(Conflict, match="cannot be deleted"):
        campaigns.delete(alice.workspace, campaign, user=alice.user)


def test_a_cancelled_campaign_is_deleted_only_when_it_has_come_to_rest(alice: Person):
    campaign = factories.campaign(alice.workspace, status=CampaignStatus.CANCELLED)
    with pytest.raises(Conflict):
        campaigns.delete(alice.workspace, campaign, user=alice.user)
    campaign.final_counts = {"total": 0}
    campaigns.delete(alice.workspace, campaign, user=alice.user)
    with pytest.raises(NotFound):
        campaigns.get(alice.workspace, campaign.id)


def test_deleting_takes_the_hidden_group_along(alice: Person):
    campaign = factories.campaign(alice.workspace)
    audience_direct.add(alice.workspace, campaign, ["direct@example.com"])
    campaigns.delete(alice.workspace, campaign, user=alice.user)
    assert not db.session.query(Group).filter_by(workspace_id=alice.workspace.id).count()


def test_deleting_leaves_a_large_hidden_group_to_be_emptied_later(
    alice: Person, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(group_endings, "PURGED_AT_ONCE", 1)
    campaign = factories.campaign(alice.workspace)
    audience_direct.add(alice.workspace, campaign, ["one@example.com", "two@example.com"])
    own = campaign.own_group_id
    campaigns.delete(alice.workspace, campaign, user=alice.user)
    assert tallies.of_group(alice.workspace, own) == 2
    assert group_endings.purgeable() == [own]
    while group_endings.purge(own):
        pass
    assert tallies.of_group(alice.workspace, own) == 0


@pytest.mark.parametrize("act", [campaigns.launch, campaigns.pause])
def test_what_somebody_has_just_deleted_is_not_found(alice: Person, act):
    campaign = ready(alice)
    db.session.execute(text("DELETE FROM campaigns WHERE id = :id"), {"id": campaign.id})
    with pytest.raises(NotFound):
        act(alice.workspace, campaign, user=alice.user)


@pytest.mark.parametrize(
    ("act", "start", "end"),
    [
        (campaigns.pause, {CampaignStatus.SENDING}, CampaignStatus.PAUSED),
        (campaigns.resume, {CampaignStatus.PAUSED}, CampaignStatus.SENDING),
        (
            campaigns.cancel,
            {CampaignStatus.SENDING, CampaignStatus.PAUSED},
            CampaignStatus.CANCELLED,
        ),
        (campaigns.unschedule, {CampaignStatus.SCHEDULED}, CampaignStatus.DRAFT),
    ],
)
@pytest.mark.parametrize("status", ALL)
def test_each_change_starts_from_its_own_states(alice: Person, act, start, end, status):
    campaign = factories.campaign(alice.workspace, status=status)
    if status in start:
        act(alice.workspace, campaign, user=alice.user)
        assert campaign.status == end
    else:
        with pytest.raises(Conflict, match="it is "):
            act(alice.workspace, campaign, user=alice.user)
        assert campaign.status == status


def test_a_pause_names_who_pressed_it_and_a_resume_forgets_it(alice: Person):
    campaign = factories.campaign(alice.workspace, status=CampaignStatus.SENDING)
    campaigns.pause(alice.workspace, campaign, user=alice.user)
    assert (campaign.pause_reason, campaign.paused_by) == ("Paused by Alice", "user")
    campaigns.resume(alice.workspace, campaign, user=alice.user)
    assert (campaign.pause_reason, campaign.paused_by) == ("", "")


def test_retrying_where_nothing_failed_leaves_a_completed_campaign_alone(alice: Person):
    campaign = factories.campaign(
        alice.workspace,
        sender_id=factories.sender(alice.workspace).id,
        status=CampaignStatus.COMPLETED,
        final_counts={"total": 1, "sent": 1},
    )
    with pytest.raises(Conflict, match="Nothing failed"):
        campaigns.retry_failed(alice.workspace, campaign, user=alice.user)
    assert campaign.status == CampaignStatus.COMPLETED
