"""The workspace at a glance."""

from __future__ import annotations

from datetime import timedelta

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.models.messages import Batch
from campaign_app.services import dashboard, live_counts
from tests import factories, mailings
from tests.people import Person


def midnight():
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0)


def test_figures_add_what_is_over_to_what_moves(alice: Person, charlie: Person):
    mailings.freeze(mailings.mailing(alice.workspace, ["sent", "sent", "failed", "sent"]))
    mailings.mailing(alice.workspace, ["sent", "pending", "pending", "pending"])
    mailings.mailing(charlie.workspace, ["sent", "failed"])
    found = dashboard.overview(alice.workspace, midnight=clock.now() - timedelta(hours=2))
    assert (found.overall.sent, found.overall.failed, found.pending) == (4, 1, 3)
    assert (found.today.sent, found.today.failed) == (4, 1)
    assert (found.sending.campaigns, found.sending.done, found.sending.total) == (1, 1, 4)
    assert found.sending.percent == 25.0


def test_today_begins_at_the_readers_midnight(alice: Person):
    campaign = mailings.freeze(mailings.mailing(alice.workspace, ["sent", "sent"]))
    yesterday = clock.now() - timedelta(days=1)
    db.session.query(Batch).filter_by(workspace_id=alice.workspace.id).update(
        {"finished_at": yesterday}
    )
    mailings.engage(campaign, yesterday, unique_opens=2)
    mailings.engage(campaign, clock.now(), unique_opens=1)
    found = dashboard.overview(alice.workspace, midnight=clock.now() - timedelta(hours=1))
    assert (found.today.sent, found.today.opened) == (0, 1)
    assert (found.overall.sent, found.overall.opened) == (2, 3)


def test_only_what_is_sending_flies_the_plane(alice: Person):
    for status in (CampaignStatus.PAUSED, CampaignStatus.CANCELLED):
        mailings.mailing(alice.workspace, ["sent", "pending"], status=status)
    found = dashboard.overview(alice.workspace, midnight=midnight())
    assert found.sending == dashboard.Sending(0, 0, 0)
    assert found.sending.percent == 0


def test_the_best_campaigns_are_those_with_most_unique_opens_per_mail(alice: Person):
    few = mailings.mailing(alice.workspace, ["sent"] * 4, name="Few")
    many = mailings.mailing(alice.workspace, ["sent"] * 2, name="Many")
    mailings.mailing(alice.workspace, ["sent"], name="None")
    mailings.engage(few, clock.now(), unique_opens=1)
    mailings.engage(many, clock.now(), unique_opens=1, unique_clicks=1)
    found = dashboard.performances(alice.workspace, now=clock.now())
    best = dashboard.top(found)
    assert [(one.campaign.name, one.open_rate) for one in best] == [("Many", 50.0), ("Few", 25.0)]


def test_the_timeline_has_seven_days_and_no_rate_for_empty_ones(alice: Person):
    old = clock.now() - timedelta(days=2)
    campaign = mailings.mailing(alice.workspace, ["sent", "sent"], started_at=old)
    mailings.mailing(alice.workspace, ["sent"], started_at=clock.now() - timedelta(days=30))
    mailings.engage(campaign, old, unique_opens=1)
    found = dashboard.performances(alice.workspace, now=clock.now())
    days = dashboard.timeline(found, midnight=midnight())
    assert [(day.sent, day.open_rate) for day in days] == [(0, None)] * 4 + [(2, 50.0)] + [
        (0, None)
    ] * 2
    week = dashboard.this_week(found, midnight=midnight())
    assert [one.campaign.id for one in week] == [campaign.id]


def test_the_steps_follow_what_the_workspace_has(alice: Person, charlie: Person):
    mailings.mailing(charlie.workspace, ["sent"])
    assert dashboard.steps(alice.workspace).done == 0
    factories.sender(alice.workspace)
    factories.campaign(alice.workspace)
    assert dashboard.steps(alice.workspace) == dashboard.Steps(True, False, True, False)
    mailings.mailing(alice.workspace, ["sent"])
    assert dashboard.steps(alice.workspace).done == 4


def test_large_campaigns_are_counted_without_reading_every_batch(alice: Person):
    total = live_counts.SMALL + 1
    campaign = mailings.mailing(
        alice.workspace, ["sent", "sent", "failed", "deferred", "sent", "pending"], total=total
    )
    first = live_counts.of(alice.workspace, [campaign])[campaign.id]
    assert (first.sent, first.failed, first.deferred, first.total) == (3, 1, 1, total)
    waiting = db.session.query(Batch).filter_by(workspace_id=alice.workspace.id, finished_at=None)
    waiting.update({"sent": 2, "finished_at": clock.now()})
    again = live_counts.of(alice.workspace, [campaign])[campaign.id]
    assert (again.sent, again.pending) == (4, total - 5)
