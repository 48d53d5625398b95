"""The pages of campaigns, in a browser's eyes."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.lib.clock import now
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.services import audience, audience_direct
from tests import factories
from tests.campaigns import ready
from tests.people import Person


def only_campaign(person: Person) -> Campaign:
    return db.session.query(Campaign).filter_by(workspace_id=person.workspace.id).one()


def test_an_empty_list_leads_to_the_first_campaign(alice: Person):
    page = alice.client.get("/campaigns/")
    assert "No campaign yet" in page.text
    assert "/campaigns/new" in page.text


def test_the_list_filters_by_status_and_name(alice: Person, charlie: Person):
    factories.campaign(alice.workspace, name="Autumn draft")
    factories.campaign(alice.workspace, name="Winter", status=CampaignStatus.COMPLETED)
    factories.campaign(charlie.workspace, name="Theirs")
    everything = alice.client.get("/campaigns/").text
    assert "Autumn draft" in everything
    assert "Winter" in everything
    assert "Theirs" not in everything
    assert "Autumn draft" not in alice.client.get("/campaigns/?status=completed").text
    assert "Winter" not in alice.client.get("/campaigns/?q=autumn").text
    assert "Nothing found" in alice.client.get("/campaigns/?q=nowhere&status=nonsense").text


def test_writing_a_campaign_leads_to_its_review(alice: Person):
    group, sender = factories.group(alice.workspace), factories.sender(alice.workspace)
    form = {
        "name": "Autumn",
        "subject": "Hi {{ first_name }}",
        "html": "<p>Hello</p><script>x</script>",
        "sender_id": sender.id,
        "group_ids": [group.id],
        "direct": "Ana <ana@example.com>\nbob@example.com",
        "tpm": "1,200",
    }
    answer = alice.client.post("/campaigns/new", data=form)
    campaign = only_campaign(alice)
    assert answer.location == f"/campaigns/{campaign.id}"
    assert (campaign.html, campaign.tpm) == ("<p>Hello</p>", 1200)
    assert audience.preview(alice.workspace, campaign).total == 2
    page = alice.client.get(answer.location)
    assert "Send “Autumn” to 2 people now?" in page.text


def test_every_mistake_is_shown_and_nothing_typed_is_lost(alice: Person):
    form = {
        "name": "",
        "subject": "{{ name | nonsense }}",
        "html": "<p>\n{% if x %}</p>",
        "direct": "nobody at all",
        "tpm": "fast",
    }
    answer = alice.client.post("/campaigns/new", data=form)
    assert answer.status_code == 422
    for message in ("Give it a name", "no filter", "Line 2", "has no @", "whole number"):
        assert message in answer.text
    for typed in ("{{ name | nonsense }}", "{% if x %}", "nobody at all", "fast"):
        assert typed in answer.text.replace("&#39;", "'")
    assert not db.session.query(Campaign).filter_by(workspace_id=alice.workspace.id).count()


def test_editing_changes_the_direct_recipients_that_were_shown(alice: Person):
    campaign = ready(alice)
    audience_direct.add(alice.workspace, campaign, ["a@example.com", "b@example.com"])
    db.session.commit()
    page = alice.client.get(f"/campaigns/{campaign.id}/edit").text
    assert "a@example.com\nb@example.com</textarea>" in page
    audience_direct.add(alice.workspace, campaign, ["uploaded@example.com"])
    db.session.commit()
    form = {
        "name": "New",
        "direct_before": "a@example.com\nb@example.com",
        "direct": "b@example.com",
    }
    alice.client.post(f"/campaigns/{campaign.id}/edit", data={**form, "then": "stay"})
    db.session.expire_all()
    assert campaign.name == "New"
    left = audience_direct.some(alice.workspace, campaign, limit=10)
    assert left == ["b@example.com", "uploaded@example.com"]


def test_a_started_campaign_is_not_edited(alice: Person):
    campaign = ready(alice, status=CampaignStatus.SENDING, name="Before")
    assert alice.client.get(f"/campaigns/{campaign.id}/edit").status_code == 302
    assert (
        alice.client.post(f"/campaigns/{campaign.id}/edit", data={"name": "X"}).status_code == 409
    )
    db.session.refresh(campaign)
    assert campaign.name == "Before"


def test_sending_starts_it(alice: Person):
    campaign = ready(alice)
    answer = alice.client.post(f"/campaigns/{campaign.id}/send")
    assert answer.location == f"/campaigns/{campaign.id}"
    db.session.refresh(campaign)
    assert campaign.status == CampaignStatus.SENDING
    assert alice.client.get(answer.location).location == f"/campaigns/{campaign.id}/analytics"


def test_a_start_that_is_refused_says_why(alice: Person):
    campaign = ready(alice, sender_id=None)
    answer = alice.client.post(f"/campaigns/{campaign.id}/send", follow_redirects=True)
    assert "cannot be started yet. No sender is chosen." in answer.text
    db.session.refresh(campaign)
    assert campaign.status == CampaignStatus.DRAFT


@pytest.mark.parametrize(
    ("action", "start", "end"),
    [
        ("pause", CampaignStatus.SENDING, CampaignStatus.PAUSED),
        ("resume", CampaignStatus.PAUSED, CampaignStatus.SENDING),
        ("cancel", CampaignStatus.PAUSED, CampaignStatus.CANCELLED),
    ],
)
def test_buttons_change_a_running_campaign(alice: Person, action, start, end):
    campaign = ready(alice, status=start)
    alice.client.post(f"/campaigns/{campaign.id}/{action}")
    db.session.refresh(campaign)
    assert campaign.status == end


def test_the_rate_is_changed_and_taken_away(alice: Person):
    campaign = ready(alice, status=CampaignStatus.SENDING)
    for typed, tpm in (("1,200", 1200), ("nonsense", 1200), ("0", 1200), ("", None)):
        alice.client.post(f"/campaigns/{campaign.id}/rate", data={"tpm": typed})
        db.session.refresh(campaign)
        assert campaign.tpm == tpm


def test_a_copy_opens_in_the_editor(alice: Person):
    campaign = ready(alice, name="Autumn", status=CampaignStatus.COMPLETED)
    answer = alice.client.post(f"/campaigns/{campaign.id}/duplicate", follow_redirects=True)
    assert "Autumn (copy)" in answer.text


def test_deleting_removes_it_from_the_list(alice: Person):
    campaign = ready(alice, name="Autumn")
    answer = alice.client.post(f"/campaigns/{campaign.id}/delete", follow_redirects=True)
    assert "“Autumn” is deleted." in answer.text
    assert "No campaign yet" in answer.text


def test_a_campaign_starts_from_a_template(alice: Person):
    row = factories.template(alice.workspace, name="News", subject="Monthly {{ name }}")
    page = alice.client.get(f"/campaigns/new?template={row.id}").text
    assert 'value="News"' in page
    assert "Monthly {{ name }}" in page


def test_the_list_is_told_how_far_its_campaigns_are(alice: Person, charlie: Person):
    campaign = ready(alice, status=CampaignStatus.PAUSED, pause_reason="Paused by Alice", total=10)
    strange = ready(charlie, status=CampaignStatus.SENDING)
    url = f"/campaigns/live.json?id={campaign.id}&id={strange.id}"
    answer = alice.client.get(url)
    assert answer.json == {
        f"c{campaign.id}": {
            "status": "paused",
            "percent": 0.0,
            "done": 0,
            "total": 10,
            "waiting": "Paused by Alice",
        }
    }
    again = alice.client.get(url, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_a_viewer_may_look_and_not_touch(alice: Person, app):
    viewer = Person.enter(
        app, factories.membership(name="Vera", role="viewer", workspace=alice.workspace)
    )
    campaign = ready(alice)
    page = viewer.client.get(f"/campaigns/{campaign.id}").text
    assert f"/campaigns/{campaign.id}/send" not in page
    assert viewer.client.post(f"/campaigns/{campaign.id}/send").status_code == 403


READ = ("", "/edit", "/preview", "/preview.html", "/people")
ACTIONS = ("edit", "duplicate", "delete", "send", "schedule", "unschedule", "pause", "resume")
MORE_ACTIONS = ("cancel", "retry-failed", "send-unconfirmed", "rate", "test")


def test_a_stranger_sees_nothing_of_it(alice: Person, charlie: Person):
    campaign = ready(alice)
    for path in READ:
        assert charlie.client.get(f"/campaigns/{campaign.id}{path}").status_code == 404
    for action in (*ACTIONS, *MORE_ACTIONS):
        assert charlie.client.post(f"/campaigns/{campaign.id}/{action}").status_code == 404
    row = factories.template(alice.workspace)
    assert charlie.client.get(f"/campaigns/new?template={row.id}").status_code == 404


def test_one_failure_of_thousands_is_not_rounded_away(alice: Person):
    counts = {"total": 2_830, "sent": 2_829, "failed": 1}
    over = {"status": CampaignStatus.COMPLETED, "planned_at": now(), "finished_at": now()}
    campaign = factories.campaign(alice.workspace, total=2_830, final_counts=counts, **over)
    figures = alice.client.get(f"/campaigns/{campaign.id}/live.json").json
    assert (figures["rates"]["sent"], figures["rates"]["failed"]) == (99.9, 0.1)
    assert figures["charts"]["outcomes"]["centre"] == "99.9%"
    page = alice.client.get("/campaigns/").text
    assert "99.9%" in page
    assert "100.0%" not in page
