"""What programs do to campaigns, and what they see of them."""

from __future__ import annotations

import pytest

from campaign_app.models.campaigns import Campaign
from tests import factories, mailings
from tests.api.program import Program, wrong
from tests.api.test_campaigns import make
from tests.smtp_sink import SmtpSink

STATUS_KEYS = {
    "status", "total", "pending", "sending", "sent", "deferred", "failed", "unconfirmed", "skipped",
    "cancelled", "done", "left_out", "rate_limit", "eta_seconds", "waiting_for",
}  # fmt: skip


def ready(program: Program, people: int = 3) -> int:
    """A campaign that can be started; its id."""
    return make(program, group_ids=[factories.crowd(program.workspace, people).id])["id"]


def do(program: Program, campaign_id: int, action: str) -> str:
    answer = program.post(f"/campaigns/{campaign_id}/{action}")
    return answer.get_json()["status"] if answer.status_code == 200 else str(answer.status_code)


def test_a_campaign_lives_as_it_is_told(program: Program):
    campaign = ready(program)
    acts = ("pause", "start", "start", "pause", "pause", "resume", "resume", "cancel", "cancel")
    seen = [do(program, campaign, act) for act in acts]
    assert seen == ["409", "sending", "409", "paused", "409", "sending", "409", "cancelled", "409"]


def test_an_empty_audience_cannot_be_mailed(program: Program):
    campaign = make(program)["id"]
    answer = program.post(f"/campaigns/{campaign}/start")
    assert answer.status_code == 409
    assert "No recipients" in answer.get_json()["detail"]


def test_the_status_counts_a_draft_as_of_now(program: Program):
    campaign = ready(program, 3)
    found = program.get(f"/campaigns/{campaign}/status").get_json()
    assert set(found) == STATUS_KEYS
    assert (found["total"], found["pending"], found["done"]) == (3, 3, 0)
    nobody = {"duplicate": 0, "excluded": 0, "unsubscribed": 0, "suppressed": 0}
    assert found["left_out"] == nobody


def test_the_status_says_who_was_left_out_when_it_was_planned(program: Program):
    left_out = {"duplicate": 4, "excluded": 3, "unsubscribed": 2, "suppressed": 1}
    kept = {f"left_out_{name}": number for name, number in left_out.items()}
    campaign = mailings.mailing(program.workspace, ("sent",), **kept)
    found = program.get(f"/campaigns/{campaign.id}/status").get_json()
    assert found["left_out"] == left_out


def test_the_status_adds_up(program: Program):
    statuses = ("sent", "sent", "failed", "deferred", "unconfirmed", "skipped", "pending")
    campaign = mailings.mailing(program.workspace, statuses, tpm=600)
    found = program.get(f"/campaigns/{campaign.id}/status").get_json()
    parts = ("sent", "failed", "unconfirmed", "skipped", "cancelled")
    assert found["done"] == sum(found[name] for name in parts) == 5
    assert found["total"] == found["pending"] + found["sending"] + found["done"] == 7
    assert (found["deferred"], found["rate_limit"]) == (1, 600)
    assert found["waiting_for"] == "held at 600/min"


def test_a_rate_is_set_and_taken_away(program: Program):
    campaign = mailings.mailing(program.workspace, ["pending"])
    path = f"/campaigns/{campaign.id}/rate-limit"
    assert program.post(path, {"tpm": 600}).get_json()["rate_limit"] == 600
    assert program.post(path, {"tpm": None}).get_json()["rate_limit"] is None
    assert "/tpm" in wrong(program.post(path, {}))
    assert "/tpm" in wrong(program.post(path, {"tpm": 0}))


def test_failed_messages_are_tried_again(program: Program):
    campaign = mailings.freeze(mailings.mailing(program.workspace, ["sent", "failed", "failed"]))
    answer = program.post(f"/campaigns/{campaign.id}/retry-failed")
    assert (answer.status_code, answer.get_json()["retried"]) == (200, 2)
    found = program.get(f"/campaigns/{campaign.id}/status").get_json()
    assert (found["status"], found["pending"], found["failed"]) == ("sending", 2, 0)
    assert program.post(f"/campaigns/{campaign.id}/retry-failed").status_code == 409


def test_a_check_reports_what_it_found(program: Program):
    campaign = mailings.mailing(program.workspace, ["sent", "sent"])
    answer = program.post(f"/campaigns/{campaign.id}/reconcile")
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["completed"] is True
    assert "the campaign is complete" in " ".join(answer.get_json()["findings"])
    again = program.post(f"/campaigns/{campaign.id}/reconcile").get_json()
    assert (again["is_clean"], again["findings"]) == (True, [])


def test_a_draft_has_nothing_to_check(program: Program):
    assert program.post(f"/campaigns/{ready(program)}/reconcile").status_code == 409


def test_a_test_goes_to_one_address(program: Program):
    with SmtpSink() as sink:
        sender = factories.sender(program.workspace, port=sink.port)
        campaign = make(program, sender_id=sender.id, subject="Autumn for {{ name }}")
        answer = program.post(f"/campaigns/{campaign['id']}/test", {"to": "me@example.com"})
    assert answer.get_json()["accepted"] is True
    assert [record.rcpt for record in sink.accepted] == ["me@example.com"]


def test_a_test_needs_a_sender(program: Program):
    campaign = factories.campaign(program.workspace)
    answer = program.post(f"/campaigns/{campaign.id}/test", {"to": "me@example.com"})
    assert answer.status_code == 409


@pytest.mark.parametrize("body", [None, {}])
def test_an_action_takes_no_body(program: Program, body: object):
    assert program.post(f"/campaigns/{ready(program)}/start", body).status_code == 200


def test_an_action_says_that_it_takes_no_body(program: Program):
    answer = program.post(f"/campaigns/{ready(program)}/start", {"now": True})
    assert answer.status_code == 422


def stranded(program: Program) -> Campaign:
    return mailings.mailing(program.workspace, ["sent", "unconfirmed", "unconfirmed"])


def test_unconfirmed_messages_are_marked_as_sent(program: Program):
    campaign = stranded(program)
    path = f"/campaigns/{campaign.id}/unconfirmed"
    one = mailings.message(campaign, 1).id
    answer = program.post(path, {"action": "mark_sent", "message_ids": [one]})
    assert (answer.status_code, answer.get_json()) == (200, {"resolved": 1})
    found = program.get(f"/campaigns/{campaign.id}/status").get_json()
    assert (found["sent"], found["unconfirmed"]) == (2, 1)


def test_unconfirmed_messages_are_sent_again(program: Program):
    campaign = stranded(program)
    answer = program.post(f"/campaigns/{campaign.id}/unconfirmed", {"action": "send_again"})
    assert answer.get_json() == {"resolved": 2}
    found = program.get(f"/campaigns/{campaign.id}/status").get_json()
    assert (found["pending"], found["unconfirmed"]) == (2, 0)


def test_a_decision_is_one_of_two(program: Program):
    answer = program.post(f"/campaigns/{stranded(program).id}/unconfirmed", {"action": "forget"})
    assert wrong(answer)["/action"] == "This can be 'mark_sent' or 'send_again'."


def test_no_message_of_a_stranger_is_decided(program: Program, stranger: Program):
    hers, mine = stranded(program), stranded(stranger)
    body = {"action": "mark_sent", "message_ids": [mailings.message(hers, 1).id]}
    assert stranger.post(f"/campaigns/{mine.id}/unconfirmed", body).status_code == 404
