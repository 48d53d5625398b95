"""How fast a campaign goes, from samples of how far it is."""

from __future__ import annotations

from datetime import timedelta

from campaign_app.lib import clock
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.services import progress
from tests import factories, mailings
from tests.people import Person


def waits(alice: Person, *, tpm: int | None = None, **sender: object) -> str:
    row = factories.sender(alice.workspace, **sender)
    campaign = mailings.mailing(alice.workspace, ["pending"], sender_id=row.id, tpm=tpm)
    return progress.waiting_for(alice.workspace, campaign, progress.Counts(total=1))


def test_a_campaign_says_that_its_sender_was_told_to_slow_down(alice: Person):
    slowed = {"brake_rate": 90.4, "brake_from": 180.0, "brake_reason": "451 slow down"}
    words = "slowed down to 90 a minute, rising: the server said “451 slow down”"
    assert waits(alice, **slowed) == waits(alice, tpm=100, **slowed) == words
    assert waits(alice, tpm=60, **slowed) == "held at 60/min"


def test_the_slower_of_delay_and_rate_is_what_it_waits_for(alice: Person):
    assert waits(alice, tpm=60, delay_seconds=4) == "one e-mail every 4 s, as the sender is set"
    assert waits(alice, tpm=6, delay_seconds=4) == "held at 6/min"


def test_the_rate_is_that_of_a_minute_however_often_rounds_are_rung():
    campaign = Campaign(progress=[], status=CampaignStatus.SENDING)
    began = clock.now() - timedelta(seconds=60)
    for tenths in range(600):
        at = began + timedelta(seconds=tenths / 10)
        campaign.progress = progress.sampled(campaign, tenths, at=at)
    assert len(campaign.progress) == progress.RATE_SAMPLES
    assert 550 < progress.rate_per_minute(campaign, 600) < 650
