"""A campaign's rate: when it may change, and that what waited for the old one looks again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.models.messages import Batch
from campaign_app.models.people import Workspace
from campaign_app.models.senders import Sender
from campaign_app.services import campaigns, pace
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
