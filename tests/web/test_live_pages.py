"""The pages that keep themselves up to date, in a browser's eyes."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.messages import MessageStatus
from campaign_app.models.people import User
from campaign_app.models.senders import SenderState
from campaign_app.services import senders
from tests import factories, mailings
from tests.people import Person, a_second_passes

PART = {"HX-Target": "log"}


def under_way(person: Person, **values) -> Campaign:
    """Two sent, one failed with the server's words, one still pending."""
    campaign = mailings.mailing(
        person.workspace, ["sent", "sent", "failed", "pending"], name="Autumn", **values
    )
    mailings.refuse(mailings.message(campaign, 2), "5.1.1 Nobody here")
    return campaign


def rows_of(answer) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))


def test_a_new_workspace_sees_its_next_missing_step(alice: Person):
    page = alice.client.get("/").text
    assert "Four steps to your first campaign" in page
    assert 'href="/senders/new">Add a sender' in page
    factories.sender(alice.workspace)
    page = alice.client.get("/").text
    assert "1 of 4 done" in page
    assert 'href="/imports/">Upload recipients' in page


def test_the_dashboard_shows_figures_campaigns_and_activity(alice: Person, charlie: Person):
    campaign = under_way(alice)
    mailings.engage(campaign, clock.now(), unique_opens=1)
    page = alice.client.get("/").text
    assert "Four steps" not in page
    assert f"/campaigns/{campaign.id}/analytics" in page
    assert "50.0%" in page
    assert "Autumn" not in charlie.client.get("/").text
    lists = alice.client.get("/", headers={"HX-Target": "lists"}).text
    assert "Autumn" in lists
    assert "<html" not in lists


def test_every_page_learns_what_is_being_sent(alice: Person, charlie: Person):
    under_way(alice)
    data = alice.client.get("/live.json").json
    sending = {"campaigns": 1, "done": 3, "total": 4, "percent": 75.0}
    assert data["sending"] == {**sending, "words": "1 campaign is being sent"}
    assert (data["overall"]["sent"], data["overall"]["failed"], data["pending"]) == (2, 1, 1)
    assert charlie.client.get("/live.json").json["sending"]["campaigns"] == 0


def test_nothing_new_is_said_in_a_304(alice: Person):
    campaign = under_way(alice)
    for url in ("/live.json", "/timeline.json", f"/campaigns/{campaign.id}/engagement.json"):
        first = alice.client.get(url)
        again = alice.client.get(url, headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


def test_a_campaign_is_watched_live(alice: Person):
    campaign = under_way(alice, tpm=600)
    mailings.engage(campaign, clock.now(), unique_opens=1, opens=1)
    page = alice.client.get(f"/campaigns/{campaign.id}/analytics").text
    assert "2 of 4 sent" in page
    assert "Held at 600/min" in page
    assert "550 5.1.1 Nobody here" in page
    for action in ("pause", "cancel", "rate", "retry-failed"):
        assert f'action="/campaigns/{campaign.id}/{action}"' in page
    data = alice.client.get(f"/campaigns/{campaign.id}/live.json").json
    assert data["counts"]["sent"] == 2
    assert data["rates"] == {
        "sent": 50.0, "opened": 50.0, "clicked": 0.0, "failed": 33.3, "unsubscribed": 0.0
    }  # fmt: skip
    assert data["charts"]["outcomes"]["values"] == [2, 1, 1, 0]


def test_the_log_is_fetched_anew_when_the_audience_is_known(alice: Person):
    campaign = factories.campaign(alice.workspace, status=CampaignStatus.SENDING)
    url = f"/campaigns/{campaign.id}/live.json"
    before = alice.client.get(url).json["moved"]
    campaign.planned_at, campaign.total = clock.now(), 3
    db.session.commit()
    a_second_passes()
    assert alice.client.get(url).json["moved"] != before


def test_the_reason_it_waits_is_told_in_the_readers_time(alice: Person):
    campaign = under_way(alice)
    until = clock.now().replace(hour=10, minute=30, second=0) + timedelta(days=1)
    sender = senders.get(alice.workspace, campaign.sender_id)
    sender.state, sender.state_reason = SenderState.COOLING, "451 slow down"
    sender.cooling_until = until
    db.session.get_one(User, alice.user.id).time_zone = "Asia/Kolkata"
    db.session.commit()
    waits = alice.client.get(f"/campaigns/{campaign.id}/live.json").json["waits"]
    assert waits["alarm"] == ""
    assert waits["calm"].startswith("Sender cooling until ")
    assert waits["calm"].endswith("16:00: 451 slow down")


def test_what_only_a_person_can_mend_is_an_alarm(alice: Person):
    stopped = mailings.mailing(alice.workspace, ["sent", "pending"])
    senders.get(alice.workspace, stopped.sender_id).state = SenderState.STOPPED
    db.session.commit()
    refused = mailings.mailing(
        alice.workspace,
        ["sent", "pending"],
        status=CampaignStatus.PAUSED,
        paused_by="policy",
        pause_reason="the server refused it: 550 5.7.26",
    )
    for campaign in (stopped, refused):
        waits = alice.client.get(f"/campaigns/{campaign.id}/live.json").json["waits"]
        assert waits["alarm"]
        assert not waits["calm"]


def test_the_actions_follow_the_state(alice: Person):
    paused = under_way(alice, status=CampaignStatus.PAUSED)
    page = alice.client.get(f"/campaigns/{paused.id}/analytics").text
    assert f"/campaigns/{paused.id}/resume" in page
    assert f'action="/campaigns/{paused.id}/pause"' not in page
    done = mailings.freeze(mailings.mailing(alice.workspace, ["sent", "unconfirmed"]))
    page = alice.client.get(f"/campaigns/{done.id}/analytics").text
    assert f"/unconfirmed/?campaign={done.id}" in page
    assert f"/campaigns/{done.id}/cancel" not in page


def test_a_draft_has_no_figures_yet(alice: Person):
    draft = factories.campaign(alice.workspace)
    answer = alice.client.get(f"/campaigns/{draft.id}/analytics")
    assert answer.location == f"/campaigns/{draft.id}"


def test_the_log_is_filtered_and_searched(alice: Person):
    campaign = under_way(alice)
    url = f"/campaigns/{campaign.id}/analytics"
    failed = alice.client.get(f"{url}?status=failed", headers=PART).text
    assert "p2@" in failed
    assert "p0@" not in failed
    assert "<html" not in failed
    assert "p0@" in alice.client.get(f"{url}?q=P0", headers=PART).text
    assert "Nobody fits" in alice.client.get(f"{url}?q=zoe", headers=PART).text
    assert alice.client.get(f"{url}?after=nonsense").status_code == 404


@pytest.mark.parametrize("part", ["engagement", "links", "domains", "log"])
def test_a_part_comes_alone(alice: Person, part: str):
    campaign = under_way(alice)
    url = f"/campaigns/{campaign.id}/analytics?span=24h"
    answer = alice.client.get(url, headers={"HX-Target": part}).text
    assert f'id="{part}"' in answer
    assert "<html" not in answer


def test_the_export_has_everybody_and_no_formulas(alice: Person):
    campaign = under_way(alice)
    mailings.message(campaign, 0).address = "=cmd|'x'@evil.example"
    db.session.commit()
    answer = alice.client.get(f"/campaigns/{campaign.id}/deliveries.csv")
    head, *rows = rows_of(answer)
    assert head[:3] == ["email", "name", "status"]
    assert [row[2] for row in rows] == ["sent", "sent", "failed", "pending"]
    assert rows[0][0] == "'=cmd|'x'@evil.example"
    assert rows[2][-1] == "5.1.1 Nobody here"
    assert "Autumn deliveries.csv" in answer.headers["Content-Disposition"]


def test_the_exports_times_are_the_readers_and_say_so(alice: Person):
    campaign = under_way(alice)
    alice.user.time_zone = "Asia/Kolkata"
    mailings.message(campaign, 0).sent_at = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
    db.session.commit()
    head, row, *_ = rows_of(alice.client.get(f"/campaigns/{campaign.id}/deliveries.csv"))
    assert row[head.index("sent_at (Asia/Kolkata)")] == "2026-11-22 09:00:00"


def test_a_stranger_finds_no_campaign(alice: Person, charlie: Person):
    campaign = under_way(alice)
    for page in ("analytics", "live.json", "engagement.json", "deliveries.csv"):
        assert charlie.client.get(f"/campaigns/{campaign.id}/{page}").status_code == 404


def test_without_failures_the_report_says_so(alice: Person, charlie: Person):
    under_way(charlie)
    assert "Nothing failed" in alice.client.get("/reports/").text


def test_failures_are_reported_by_reason(alice: Person):
    campaign = under_way(alice)
    page = alice.client.get("/reports/").text
    assert "No such mailbox" in page
    assert "550 5.1.1 Nobody here" in page
    people = alice.client.get("/reports/messages?key=5.1.1").text
    assert f"p2@{campaign.id}.example" in people
    head, row = rows_of(alice.client.get("/reports/failures.csv"))
    assert head[0] == "email"
    assert "No such mailbox" in row


def test_a_report_says_which_words_are_carillons(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["failed"])
    words = "The template did not work: {{ name"
    mailings.refuse(mailings.message(campaign, 0), words, code=None, phase="compose", enhanced="")
    page = alice.client.get("/reports/").text
    assert f"Carillon noted: {words}" in page
    assert "<blockquote" not in page
    assert (
        f"None. Carillon noted: {words}" in alice.client.get("/reports/messages?key=compose").text
    )


def test_an_old_failure_needs_a_longer_period(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["failed"])
    event = mailings.refuse(mailings.message(campaign, 0), "5.1.1 Nobody here")
    event.created_at = clock.now() - timedelta(days=40)
    db.session.commit()
    assert "Nothing failed" in alice.client.get("/reports/?period=nonsense").text
    assert "Nobody here" in alice.client.get("/reports/?period=all").text
    narrowed = f"/reports/?period=all&campaign={campaign.id}"
    assert "Nobody here" in alice.client.get(narrowed).text


def test_the_failed_are_tried_again(bob: Person):
    campaign = mailings.freeze(under_way(bob))
    answer = bob.client.post("/reports/retry", data={"campaign_id": campaign.id})
    assert answer.location == "/reports/?period=30d"
    db.session.expire_all()
    assert mailings.message(campaign, 2).status == MessageStatus.PENDING
    assert campaign.status == CampaignStatus.SENDING
    assert "1 failed message is tried again" in bob.client.get("/reports/").text


def test_a_cancelled_campaign_stays_cancelled(alice: Person):
    campaign = under_way(alice, status=CampaignStatus.CANCELLED)
    alice.client.post("/reports/retry", data={"campaign_id": campaign.id})
    assert "nothing to try again" in alice.client.get("/reports/").text


def test_a_stranger_retries_nothing(alice: Person, charlie: Person):
    campaign = under_way(alice)
    url, form = "/reports/retry", {"campaign_id": campaign.id}
    assert charlie.client.post(url, data=form).status_code == 404
    assert charlie.client.get(f"/reports/?campaign={campaign.id}").status_code == 404
