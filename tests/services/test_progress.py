"""How fast a campaign goes, from samples of how far it is."""

from __future__ import annotations

from datetime import timedelta

from campaign_app.lib import clock
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.services import progress


def test_the_rate_is_that_of_a_minute_however_often_rounds_are_rung():
    campaign = Campaign(progress=[], status=CampaignStatus.SENDING)
    began = clock.now() - timedelta(seconds=60)
    for tenths in range(600):
        at = began + timedelta(seconds=tenths / 10)
        campaign.progress = progress.sampled(campaign, tenths, at=at)
    assert len(campaign.progress) == progress.RATE_SAMPLES
    assert 550 < progress.rate_per_minute(campaign, 600) < 650
