"""A campaign's rate: when it may change, and that what waited for the old one looks again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from time_machine import Traveller

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.messages import Batch
from campaign_app.models.people import Workspace
from campaign_app.models.senders import Sender
from campaign_app.services import campaigns, pace, progress, senders
from tests import factories
from tests.people import Person


@pytest.fixture(autouse=True)
def present() -> Iterator[Traveller]:
    """A moment that lasts as long as the test: a pace is so much in so much time."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        yield traveller


def test_the_rate_changes_while_sending_and_not_after(alice: Person):
    campaign = factories.campaign(alice.workspace, status=CampaignStatus.SENDING)
    pace.set_rate(alice.workspace, campaign, tpm=600, user=alice.user)
    assert campaign.tpm == 600
    campaign.status = CampaignStatus.COMPLETED
    db.session.commit()
    with pytest.raises(Conflict):
        pace.set_rate(alice.workspace, campaign, tpm=None, user=alice.user)


@pytest.mark.parametrize("tpm", [0, -1, 10_000_000])
def test_a_rate_that_cannot_be_is_refused(alice: Person, tpm: int):
    campaign = factories.campaign(alice.workspace)
    with pytest.raises(Invalid) as refusal:
        pace.set_rate(alice.workspace, campaign, tpm=tpm, user=alice.user)
    assert refusal.value.field == "tpm"


def moving(person: Person, *, rate: int, tpm: int | None) -> Campaign:
    """Has done `rate` messages in the last minute, of 10,000."""
    place = person.workspace
    ids = {"workspace_id": place.id, "sender_id": factories.sender(place).id}
    since = clock.now().timestamp() - 60
    campaign = factories.campaign(
        place,
        sender_id=ids["sender_id"],
        status=CampaignStatus.SENDING,
        tpm=tpm,
        total=10_000,
        progress=[[since, 0]],
    )
    factories.save(Batch(**ids, campaign_id=campaign.id, size=10_000, sent=rate))
    return campaign


def eta_minutes(person: Person, campaign: Campaign) -> float:
    so_far = progress.counts(person.workspace, [campaign])[campaign.id]
    return (progress.eta_seconds(campaign, so_far) or 0) / 60


@pytest.mark.parametrize(
    ("was", "rate", "becomes", "minutes"),
    [
        (600, 600, 60, 157),  # slower
        (60, 60, 6_000, 1.7),  # faster
        (None, 1_000, 100, 90),  # held from now on
        (600, 30, 6_000, 332),  # its sender is slower than both: nothing changes
        (None, 1_000, 6_000, 9),  # neither does a rate that it does not reach
    ],
)
def test_an_estimate_follows_a_change_of_the_rate_at_once(
    alice: Person, was: int | None, rate: int, becomes: int, minutes: float
):
    campaign = moving(alice, rate=rate, tpm=was)
    pace.set_rate(alice.workspace, campaign, tpm=becomes, user=alice.user)
    assert eta_minutes(alice, campaign) == pytest.approx(minutes, rel=0.03)


@pytest.mark.parametrize(
    ("was", "rate", "becomes", "minutes"),
    [
        (0.1, 600, 1.0, 157),  # slower
        (1.0, 60, 0.01, 1.7),  # faster
        (0.0, 1_000, 0.6, 90),  # held from now on
        (0.1, 30, 0.01, 332),  # something else holds it: nothing changes
    ],
)
def test_an_estimate_follows_a_change_of_the_senders_delay_at_once(
    alice: Person, present: Traveller, was: float, rate: int, becomes: float, minutes: float
):
    campaign = moving(alice, rate=rate, tpm=None)
    change_delay(alice, campaign, was=was, becomes=becomes)
    assert eta_minutes(alice, campaign) == pytest.approx(minutes, rel=0.03)
    present.shift(timedelta(seconds=9))
    assert eta_minutes(alice, campaign) > 0


def test_campaigns_of_one_sender_share_its_new_pace(alice: Person, charlie: Person):
    some, more = (moving(alice, rate=rate, tpm=None) for rate in (200, 400))
    more.sender_id = some.sender_id
    db.session.commit()
    change_delay(alice, some, was=0.1, becomes=1.0)
    assert eta_minutes(alice, some) == pytest.approx(9_800 / 20, rel=0.03)
    assert eta_minutes(alice, more) == pytest.approx(9_600 / 40, rel=0.03)


def test_a_stranger_changes_no_estimate(alice: Person, charlie: Person):
    campaign = moving(alice, rate=600, tpm=None)
    samples = campaign.progress
    sender = senders.get(alice.workspace, campaign.sender_id)
    sender.delay_seconds = 1.0
    pace.follow_sender(charlie.workspace, sender, was=600)
    assert campaign.progress == samples


def change_delay(person: Person, campaign: Campaign, *, was: float, becomes: float) -> None:
    sender = senders.get(person.workspace, campaign.sender_id or 0)
    sender.delay_seconds = was
    before = pace.of_sender(sender)
    sender.delay_seconds = becomes
    pace.follow_sender(person.workspace, sender, was=before)
    db.session.commit()


def test_a_pause_does_not_count_as_slowness(alice: Person):
    campaign = moving(alice, rate=600, tpm=None)
    campaigns.pause(alice.workspace, campaign, user=alice.user)
    campaigns.resume(alice.workspace, campaign, user=alice.user)
    assert campaign.progress == []


def held(workspace: Workspace, sender: Sender, **values: object) -> Batch:
    """A batch that waits a minute for its pace."""
    campaign = factories.campaign(
        workspace, sender_id=sender.id, status=CampaignStatus.SENDING, **values
    )
    until = clock.now() + timedelta(minutes=1)
    ids = {"workspace_id": workspace.id, "campaign_id": campaign.id, "sender_id": sender.id}
    return factories.save(Batch(**ids, size=1, not_before=until))


def is_held(batch: Batch) -> bool:
    db.session.refresh(batch)
    return batch.not_before > clock.now() + timedelta(seconds=30)


def test_another_rate_lets_the_campaigns_held_batches_go(alice: Person):
    sender = factories.sender(alice.workspace)
    batch, another = held(alice.workspace, sender), held(alice.workspace, sender)
    campaign = campaigns.get(alice.workspace, batch.campaign_id)
    pace.set_rate(alice.workspace, campaign, tpm=60, user=alice.user)
    assert not is_held(batch)
    assert is_held(another)


def test_another_pace_of_the_sender_lets_all_its_batches_go(alice: Person):
    sender, other = factories.sender(alice.workspace), factories.sender(alice.workspace)
    batches = [held(alice.workspace, sender), held(alice.workspace, sender)]
    another = held(alice.workspace, other)
    pace.release_sender(alice.workspace, sender)
    assert [is_held(batch) for batch in (*batches, another)] == [False, False, True]


def test_a_strangers_batches_stay_held(alice: Person, charlie: Person):
    sender = factories.sender(alice.workspace)
    batch = held(alice.workspace, sender)
    pace.release_sender(charlie.workspace, sender)
    assert is_held(batch)
