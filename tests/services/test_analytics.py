"""One campaign, watched live."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import NotFound
from campaign_app.models.campaigns import Link
from campaign_app.services import analytics, engagement, mailbox_domains
from tests import factories, mailings
from tests.people import Person


def test_a_strangers_campaign_does_not_exist(alice: Person, charlie: Person):
    campaign = mailings.mailing(alice.workspace, ["sent"])
    with pytest.raises(NotFound):
        analytics.get(charlie.workspace, campaign.id)


def test_everything_that_moves_in_one_read(alice: Person):
    now = clock.now()
    samples = [[now.timestamp() - 60, 1]]
    campaign = mailings.mailing(
        alice.workspace, ["sent", "sent", "failed", "pending"], progress=samples, tpm=600
    )
    mailings.engage(campaign, now - timedelta(minutes=9), unique_opens=1, opens=2)
    mailings.engage(campaign, now, unique_opens=1, opens=1, machine_opens=3, unsubscribes=1)
    live = analytics.live(alice.workspace, campaign, now=now)
    assert (live.counts.sent, live.counts.failed, live.counts.pending) == (2, 1, 1)
    assert live.rate == pytest.approx(2, rel=0.1)
    assert live.eta == pytest.approx(30, abs=5)
    assert live.waiting == "held at 600/min"
    did = live.engagement
    assert (did.unique_opens, did.opens, did.machine_opens, did.unsubscribes) == (2, 3, 3, 1)
    assert live.growth.growth("unique_opens")[-1] == 2


def test_no_time_is_told_for_what_the_servers_asked_to_wait_with(alice: Person):
    now = clock.now()
    samples = [[now.timestamp() - 60, 1]]
    campaign = mailings.mailing(alice.workspace, ["sent", "sent", "deferred"], progress=samples)
    live = analytics.live(alice.workspace, campaign, now=now)
    assert live.rate > 0
    assert live.eta is None


def test_the_span_ends_with_the_last_reader(alice: Person):
    began = clock.now() - timedelta(days=40)
    campaign = mailings.freeze(mailings.mailing(alice.workspace, ["sent"], started_at=began))
    campaign.finished_at = began + timedelta(minutes=1)
    mailings.engage(campaign, began + timedelta(hours=2), opens=1)
    series = engagement.series(alice.workspace, campaign, span="all", now=clock.now())
    assert series.step == timedelta(minutes=5)
    assert sum(series.values("opens")) == 1
    assert series.points[-1][1].opens == 1


def test_a_span_has_no_gaps_and_few_points(alice: Person):
    now = clock.now()
    campaign = mailings.mailing(alice.workspace, ["sent"], started_at=now - timedelta(days=400))
    mailings.engage(campaign, now, clicks=1)
    for span in engagement.SPANS:
        series = engagement.series(alice.workspace, campaign, span=span, now=now)
        times = [at for at, _ in series.points]
        assert len(times) <= engagement.MAX_POINTS + 1
        assert {after - before for before, after in pairwise(times)} <= {series.step}
        assert sum(series.values("clicks")) == 1


def test_the_small_curves_grow_to_the_present_counts(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["sent", "sent", "failed", "sent", "pending"])
    growth = analytics.outcome_growth(alice.workspace, campaign, now=clock.now())
    assert growth["sent"] == sorted(growth["sent"])
    assert (growth["sent"][-1], growth["failed"][-1]) == (3, 1)
    draft = factories.campaign(alice.workspace)
    assert analytics.outcome_growth(alice.workspace, draft, now=clock.now())["sent"] == []


def test_links_come_by_unique_clicks(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["sent"])
    for number, unique in ((1, 2), (2, 9)):
        url = f"https://shop.example/{number}"
        whose = {"workspace_id": alice.workspace.id, "campaign_id": campaign.id}
        db.session.add(Link(**whose, number=number, url=url, unique_clicks=unique))
    db.session.commit()
    assert [link.number for link in engagement.links(alice.workspace, campaign)] == [2, 1]


def test_mailbox_providers_are_counted(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["sent", "failed"])
    opened = mailings.message(campaign, 0)
    opened.opened_at = clock.now()
    db.session.commit()
    found = mailbox_domains.largest(alice.workspace, campaign)
    expected = mailbox_domains.Domain(f"{campaign.id}.example", total=2, sent=1, failed=1, opened=1)
    assert (found.top, found.stride) == ([expected], 1)
