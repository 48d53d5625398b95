"""Opting out and in by program: who is mailed, and who can never be brought back by it."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.models.recipients import ConsentAction, RecipientStatus
from campaign_app.services import consent
from campaign_app.services.consent import Why
from tests import factories
from tests.api.program import Program, wrong
from tests.api.test_recipients import add, emails, suppress

ANA = "ana@example.com"
FAIR = {"email": ANA, "reason": "Signed up at the fair, 3 May"}


def history(program: Program) -> list[tuple[str, str, str]]:
    """What happened to Ana's permission, oldest first: action, reason, door."""
    found = [(one.action, one.reason, one.source) for one, _ in _events(program)]
    return found[::-1]


def _events(program: Program):
    return consent.history(program.workspace, ANA)


def complain(program: Program) -> None:
    """As a report of a provider does it."""
    consent.record(program.workspace, [ANA], ConsentAction.COMPLAINED, Why("Spam", "fbl"))
    db.session.commit()


def test_somebody_on_the_list_opts_out_once(program: Program):
    made = add(program)
    answers = [
        program.post("/recipients/opt-out", {"email": "ANA@example.com", "reason": "By phone"})
        for _ in range(2)
    ]
    assert [one.get_json()["changed"] for one in answers] == [True, False]
    assert answers[0].get_json() == {
        "email": ANA,
        "recipient_id": made["id"],
        "status": "unsubscribed",
        "suppressed": False,
        "changed": True,
    }
    assert history(program)[-1] == ("unsubscribed", "By phone", "api")


def test_a_stranger_to_the_list_opts_out_for_good(program: Program):
    answer = program.post("/recipients/opt-out", {"email": ANA}).get_json()
    assert (answer["recipient_id"], answer["status"]) == (None, None)
    assert (answer["suppressed"], answer["changed"]) == (True, True)
    add(program)
    assert emails(program, "/recipients/active") == []


@pytest.mark.parametrize("path", ["opt-in", "opt-out"])
def test_what_is_no_address_is_named(program: Program, path: str):
    answer = program.post(f"/recipients/{path}", {"email": "ana", "reason": "x"})
    assert answer.status_code == 422
    assert "has no @" in wrong(answer)["/email"]


def test_opting_in_brings_back_whoever_opted_out(program: Program):
    made = add(program)
    program.post("/recipients/opt-out", {"email": ANA})
    answers = [program.post("/recipients/opt-in", FAIR) for _ in range(2)]
    assert [one.get_json()["changed"] for one in answers] == [True, False]
    assert answers[0].get_json()["status"] == "subscribed"
    assert answers[0].get_json()["recipient_id"] == made["id"]
    assert history(program)[-1] == ("subscribed", FAIR["reason"], "api")
    assert emails(program, "/recipients/active") == [ANA]


def test_opting_in_takes_back_an_opt_out_from_before_the_list(program: Program):
    program.post("/recipients/opt-out", {"email": ANA})
    answer = program.post("/recipients/opt-in", FAIR).get_json()
    assert (answer["status"], answer["suppressed"]) == ("subscribed", False)
    assert emails(program, "/recipients/active") == [ANA]


def test_opting_in_outweighs_that_somebody_was_deleted_unsubscribed(program: Program):
    made = add(program)
    program.patch(f"/recipients/{made['id']}", {"opt_out": True})
    program.delete(f"/recipients/{made['id']}")
    add(program)
    answer = program.post("/recipients/opt-in", FAIR).get_json()
    assert (answer["suppressed"], answer["changed"]) == (False, True)
    assert history(program)[-1] == ("subscribed", FAIR["reason"], "api")


def test_opting_in_adds_whoever_is_new(program: Program):
    answer = program.post("/recipients/opt-in", FAIR).get_json()
    assert (answer["status"], answer["changed"]) == ("subscribed", True)
    assert history(program) == [("subscribed", FAIR["reason"], "api")]


def test_opting_in_brings_back_whoever_bounced(program: Program):
    add(program)
    consent.bounce(program.workspace, ANA, reason="550 5.1.1")
    db.session.commit()
    answer = program.post("/recipients/opt-in", FAIR).get_json()
    assert (answer["status"], answer["suppressed"]) == ("subscribed", False)


def test_who_opts_in_without_a_reason_is_on_record_as_that(program: Program):
    add(program)
    program.post("/recipients/opt-out", {"email": ANA})
    assert program.post("/recipients/opt-in", {"email": ANA}).status_code == 200
    [event, *_] = consent.history(program.workspace, ANA)
    assert "said nothing more" in event[0].reason


def test_a_blank_reason_is_none(program: Program):
    add(program)
    program.post("/recipients/opt-out", {"email": ANA})
    answer = program.post("/recipients/opt-in", {"email": ANA, "reason": " "})
    assert answer.status_code == 422
    assert "/reason" in wrong(answer)
    assert emails(program, "/recipients/active") == []


def test_whoever_complained_is_refused(program: Program):
    factories.recipient(program.workspace, email=ANA, status=RecipientStatus.COMPLAINED)
    answer = program.post("/recipients/opt-in", FAIR)
    assert answer.status_code == 409
    assert "has marked your mail as spam" in answer.get_json()["detail"]


def test_a_complaint_outlives_its_recipient(program: Program):
    made = factories.recipient(program.workspace, email=ANA, status=RecipientStatus.COMPLAINED)
    complain(program)
    program.delete(f"/recipients/{made.id}")
    assert program.post("/recipients/opt-in", FAIR).status_code == 409
    add(program)
    assert program.post("/recipients/opt-in", FAIR).status_code == 409


def test_a_complaint_is_forgiven_by_an_own_sign_up(program: Program):
    add(program)
    complain(program)
    consent.record(program.workspace, [ANA], ConsentAction.SUBSCRIBED, Why("Form", "form"))
    program.post("/recipients/opt-out", {"email": ANA})
    assert program.post("/recipients/opt-in", FAIR).status_code == 200


def test_what_a_colleague_suppressed_stays(program: Program):
    suppress(program, ANA, reason="Legal asked")
    answer = program.post("/recipients/opt-in", FAIR)
    assert answer.status_code == 409
    assert answer.get_json()["detail"] == (
        "ana@example.com is on your suppression list (“Legal asked”). Take it off there first."
    )
    assert emails(program, "/recipients") == []


@pytest.mark.parametrize("status", ["unsubscribed", "bounced", "complained"])
def test_nobody_comes_back_by_being_added_or_changed(program: Program, status: str):
    ana = factories.recipient(program.workspace, email=ANA, status=RecipientStatus(status))
    group = factories.group(program.workspace)
    program.post("/recipients", {"email": ANA})
    program.post("/recipients/bulk", {"recipients": [{"email": ANA, "name": "Ana"}]})
    program.patch(f"/recipients/{ana.id}", {"name": "Ana", "opt_out": False})
    program.patch(f"/groups/{group.id}/recipients", {"recipient_emails": [ANA]})
    assert program.get(f"/recipients/{ana.id}").get_json()["status"] == status


def test_a_viewers_token_opts_nobody_out(program: Program):
    vera = Program.viewing(program.client.application, program.workspace)
    add(program)
    assert vera.post("/recipients/opt-out", {"email": ANA}).status_code == 403
    assert emails(vera, "/recipients/active") == [ANA]
