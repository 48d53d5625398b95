"""Starting a campaign: by hand, by the clock, or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.people import User, Workspace
from campaign_app.models.senders import SenderState
from campaign_app.services import audience, campaigns, group_filling, readiness
from campaign_app.services.consent import Why
from tests import factories
from tests.campaigns import ready, said
from tests.people import Person


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


def test_an_empty_email_is_named_beside_an_empty_subject(alice: Person):
    with pytest.raises(Conflict, match=r"subject is empty.*e-mail is empty"):
        campaigns.launch(alice.workspace, ready(alice, subject="", html=""), user=alice.user)


def test_an_empty_email_blocks(alice: Person):
    with pytest.raises(Conflict, match="e-mail is empty"):
        campaigns.launch(alice.workspace, ready(alice, html="<p> </p>"), user=alice.user)


def test_a_stopped_sender_blocks_with_its_reason(alice: Person):
    sender = factories.sender(
        alice.workspace, state=SenderState.STOPPED, state_reason="535 5.7.8 Bad credentials"
    )
    with pytest.raises(Conflict, match=r"is stopped: 535 5\.7\.8"):
        campaigns.launch(alice.workspace, ready(alice, sender_id=sender.id), user=alice.user)


def upload(person: Person, campaign: Campaign) -> Import:
    """A file on its way into the campaign's own group."""
    return factories.save(
        Import(
            workspace_id=person.workspace.id,
            filename="list.csv",
            storage_key="x",
            size=1,
            state=ImportState.RUNNING,
            group_ids=[audience.own_group(person.workspace, campaign)],
        )
    )


def test_an_import_into_its_own_group_blocks(alice: Person):
    campaign = ready(alice)
    upload(alice, campaign)
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


def press(app: Flask, user_id: int, workspace: Workspace, number: int) -> bool:
    with app.app_context():
        campaign = campaigns.get(workspace, number)
        try:
            campaigns.launch(workspace, campaign, user=db.session.get_one(User, user_id))
            db.session.commit()
        except Conflict:
            return False
        return True


def test_of_several_who_press_at_once_one_starts_it(live_app: Flask):
    member = factories.membership()
    place, user_id = member.workspace, member.user.id
    group = factories.group(place, members=[factories.recipient(place)])
    sender = factories.sender(place)
    number = factories.campaign(place, groups=[group], sender_id=sender.id).id
    with ThreadPoolExecutor(4) as pool:
        won = pool.map(lambda _: press(live_app, user_id, place, number), range(4))
        assert sorted(won) == [False, False, False, True]


def test_a_schedule_is_stored_in_utc_and_a_change_resolves_it_again(alice: Person):
    campaign = ready(alice)
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        for wall, hour in (("2026-03-28 09:00", 8), ("2026-03-29 09:00", 7)):
            local = datetime.fromisoformat(wall)
            campaigns.schedule(
                alice.workspace, campaign, when=local, zone="Europe/Berlin", user=alice.user
            )
            assert campaign.scheduled_at.astimezone(UTC).hour == hour
    assert (campaign.status, campaign.time_zone) == (CampaignStatus.SCHEDULED, "Europe/Berlin")
    campaigns.unschedule(alice.workspace, campaign, user=alice.user)
    assert (campaign.status, campaign.scheduled_at) == (CampaignStatus.DRAFT, None)


def test_what_blocks_a_start_blocks_a_schedule(alice: Person):
    campaign = ready(alice, subject="")
    later = clock.now().replace(tzinfo=None) + timedelta(days=1)
    with pytest.raises(Conflict, match="subject is empty"):
        campaigns.schedule(alice.workspace, campaign, when=later, zone="UTC", user=alice.user)


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


def test_a_due_campaign_waits_for_recipients_that_are_being_added(alice: Person, charlie: Person):
    campaign, other = scheduled(alice), scheduled(charlie)
    group = audience.own_group(alice.workspace, campaign)
    many = [f"p{n}@example.com" for n in range(group_filling.AT_ONCE + 1)]
    group_filling.fill(alice.workspace, group, many, why=Why("Test", "test"))
    assert campaigns.start_due(clock.now()) == [other.id]
    assert campaign.status == CampaignStatus.SCHEDULED
    assert group_filling.step(group)
    assert campaigns.start_due(clock.now()) == [campaign.id]


def test_a_due_campaign_waits_for_a_file_that_is_being_imported(alice: Person):
    campaign = scheduled(alice)
    file = upload(alice, campaign)
    assert campaigns.start_due(clock.now()) == []
    assert readiness.awaited(alice.workspace, campaign) == "“list.csv” is still being imported"
    file.state = ImportState.DONE
    assert campaigns.start_due(clock.now()) == [campaign.id]
