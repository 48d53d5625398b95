"""A campaign's life."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, Invalid, NotFound
from campaign_app.models.audit import AuditEntry
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.people import User
from campaign_app.models.recipients import Group
from campaign_app.models.senders import SenderState
from campaign_app.services import audience, campaigns
from campaign_app.services.campaigns import Draft
from campaign_app.services.contents import Content
from tests import factories
from tests.people import Person

ALL = list(CampaignStatus)


def ready(person: Person, **values) -> Campaign:
    """A campaign that nothing blocks."""
    place = person.workspace
    group = factories.group(place, members=[factories.recipient(place)])
    values = {"sender_id": factories.sender(place).id, **values}
    return factories.campaign(place, groups=[group], **values)


def said(person: Person) -> list[str]:
    entries = db.session.query(AuditEntry).filter_by(workspace_id=person.workspace.id)
    return [entry.summary for entry in entries.order_by(AuditEntry.id)]


def test_a_new_campaign_is_a_draft_with_its_html_made_safe(alice: Person):
    group, sender = factories.group(alice.workspace), factories.sender(alice.workspace)
    content = Content(subject=" Hi\n {{ name }} ", html="<p onclick='x()'>Hi</p><script>x</script>")
    draft = Draft("Autumn", content, sender_id=sender.id, group_ids=[group.id], tpm=60)
    campaign = campaigns.create(alice.workspace, draft, user=alice.user)
    assert (campaign.status, campaign.subject) == (CampaignStatus.DRAFT, "Hi {{ name }}")
    assert campaign.html == "<p>Hi</p>"
    assert audience.chosen_groups(alice.workspace, campaign) == [group.id]
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
    audience.add_direct(alice.workspace, campaign, ["direct@example.com"])
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
    audience.add_direct(alice.workspace, campaign, ["direct@example.com"])
    campaigns.delete(alice.workspace, campaign, user=alice.user)
    assert not db.session.query(Group).filter_by(workspace_id=alice.workspace.id).count()


def test_starting_makes_it_sending_and_writes_it_down(alice: Person):
    campaign = ready(alice, name="Autumn")
    campaigns.launch(alice.workspace, campaign, user=alice.user)
    assert campaign.status == CampaignStatus.SENDING
    assert campaign.started_at is not None
    assert campaign.planned_at is None
    assert said(alice) == ["Alice started “Autumn”"]


def test_a_start_lists_everything_that_blocks(alice: Person):
    campaign = factories.campaign(alice.workspace, subject="", html="<p>{{ name")
    with pytest.raises(Conflict) as refusal:
        campaigns.launch(alice.workspace, campaign, user=alice.user)
    for reason in ("cannot be read", "subject is empty", "No sender", "No recipients"):
        assert reason in refusal.value.message
    assert campaign.status == CampaignStatus.DRAFT


def test_an_empty_email_blocks(alice: Person):
    with pytest.raises(Conflict, match="e-mail is empty"):
        campaigns.launch(alice.workspace, ready(alice, html="<p> </p>"), user=alice.user)


def test_a_stopped_sender_blocks_with_its_reason(alice: Person):
    sender = factories.sender(
        alice.workspace, state=SenderState.STOPPED, state_reason="535 5.7.8 Bad credentials"
    )
    with pytest.raises(Conflict, match=r"is stopped: 535 5\.7\.8"):
        campaigns.launch(alice.workspace, ready(alice, sender_id=sender.id), user=alice.user)


def test_an_import_into_its_own_group_blocks(alice: Person):
    campaign = ready(alice)
    upload = Import(
        workspace_id=alice.workspace.id,
        filename="list.csv",
        storage_key="x",
        size=1,
        state=ImportState.RUNNING,
        group_ids=[audience.own_group(alice.workspace, campaign)],
    )
    factories.save(upload)
    with pytest.raises(Conflict, match=r"list\.csv"):
        campaigns.launch(alice.workspace, campaign, user=alice.user)


def test_an_audience_of_unsubscribed_people_blocks(alice: Person):
    person = factories.recipient(alice.workspace, status="unsubscribed")
    group = factories.group(alice.workspace, members=[person])
    sender = factories.sender(alice.workspace)
    campaign = factories.campaign(alice.workspace, groups=[group], sender_id=sender.id)
    with pytest.raises(Conflict, match="Everybody chosen is unsubscribed"):
        campaigns.launch(alice.workspace, campaign, user=alice.user)


def test_it_starts_once(alice: Person, bob: Person):
    campaign = ready(alice)
    campaigns.launch(alice.workspace, campaign, user=alice.user)
    with pytest.raises(Conflict, match="it is being sent now"):
        campaigns.launch(alice.workspace, campaign, user=bob.user)


def test_of_two_who_press_at_once_one_starts_it(live_app: Flask):
    member = factories.membership()
    place, user_id = member.workspace, member.user.id
    group = factories.group(place, members=[factories.recipient(place)])
    sender = factories.sender(place)
    number = factories.campaign(place, groups=[group], sender_id=sender.id).id

    def press(_: int) -> str:
        with live_app.app_context():
            user = db.session.get_one(User, user_id)
            campaign = campaigns.get(member.workspace, number)
            try:
                campaigns.launch(member.workspace, campaign, user=user)
                db.session.commit()
            except Conflict as refusal:
                return refusal.message
            return "started"

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(press, range(4)))
    assert said.count("started") == 1


def test_a_schedule_is_stored_in_utc_and_a_change_resolves_it_again(alice: Person):
    campaign = ready(alice)
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        for wall, hour in (("2026-03-28 09:00", 8), ("2026-03-29 09:00", 7)):
            local = datetime.fromisoformat(wall)
            campaigns.schedule(
                alice.workspace, campaign, local=local, zone="Europe/Berlin", user=alice.user
            )
            assert campaign.scheduled_at.astimezone(UTC).hour == hour
    assert (campaign.status, campaign.time_zone) == (CampaignStatus.SCHEDULED, "Europe/Berlin")
    campaigns.unschedule(alice.workspace, campaign, user=alice.user)
    assert (campaign.status, campaign.scheduled_at) == (CampaignStatus.DRAFT, None)


def test_what_blocks_a_start_blocks_a_schedule(alice: Person):
    campaign = ready(alice, subject="")
    later = clock.now().replace(tzinfo=None) + timedelta(days=1)
    with pytest.raises(Conflict, match="subject is empty"):
        campaigns.schedule(alice.workspace, campaign, local=later, zone="UTC", user=alice.user)


def scheduled(person: Person, **values) -> Campaign:
    at = clock.now() - timedelta(seconds=1)
    return ready(person, status=CampaignStatus.SCHEDULED, scheduled_at=at, **values)


def test_due_campaigns_of_every_workspace_start_and_later_ones_wait(alice: Person, charlie: Person):
    due = [scheduled(alice), scheduled(charlie)]
    later = scheduled(alice)
    later.scheduled_at = clock.now() + timedelta(minutes=1)
    db.session.commit()
    assert sorted(campaigns.start_due(clock.now())) == sorted(c.id for c in due)
    assert {c.status for c in due} == {CampaignStatus.SENDING}
    assert later.status == CampaignStatus.SCHEDULED


def test_a_due_campaign_that_cannot_start_becomes_a_draft_and_says_why(alice: Person):
    campaign = scheduled(alice, sender_id=None)
    assert campaigns.start_due(clock.now()) == []
    assert (campaign.status, campaign.scheduled_at) == (CampaignStatus.DRAFT, None)
    assert "No sender is chosen" in campaign.pause_reason
    assert "No sender is chosen" in said(alice)[-1]


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
        alice.workspace, status=CampaignStatus.COMPLETED, final_counts={"total": 1, "sent": 1}
    )
    assert campaigns.retry_failed(alice.workspace, campaign, user=alice.user) == 0
    assert campaign.status == CampaignStatus.COMPLETED


def test_the_rate_changes_while_sending_and_not_after(alice: Person):
    campaign = factories.campaign(alice.workspace, status=CampaignStatus.SENDING)
    campaigns.set_rate(alice.workspace, campaign, 600)
    assert campaign.tpm == 600
    campaign.status = CampaignStatus.COMPLETED
    db.session.commit()
    with pytest.raises(Conflict):
        campaigns.set_rate(alice.workspace, campaign, None)


@pytest.mark.parametrize("tpm", [0, -1, 10_000_000])
def test_a_rate_that_cannot_be_is_refused(alice: Person, tpm: int):
    with pytest.raises(Invalid) as refusal:
        campaigns.set_rate(alice.workspace, factories.campaign(alice.workspace), tpm)
    assert refusal.value.field == "tpm"
