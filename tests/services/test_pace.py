"""A campaign's rate: when it may change, and that what waited for the old one looks again."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.services import pace
from tests import factories
from tests.people import Person


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
