"""Who was erased comes back by no list of a program: it is told so, and the others come in."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.models.recipients import Recipient
from campaign_app.services import audit, group_filling, suppressions
from tests import factories
from tests.api.program import Program, wrong
from tests.api.test_campaigns import make
from tests.api.test_direct_recipients import MANY, total, work_off
from tests.people import Person

ANA, BO = "ana@example.com", "bo@example.com"


@pytest.fixture(autouse=True)
def erased(program: Program, charlie: Person) -> None:
    """Ana was erased here; what another workspace has erased says nothing here."""
    factories.erased(program.workspace, ANA)
    factories.erased(charlie.workspace, BO)


def emails(program: Program) -> set[str]:
    people = db.session.query(Recipient).filter_by(workspace_id=program.workspace.id)
    return {person.email for person in people}


def test_alone(program: Program):
    answer = program.post("/recipients", {"email": ANA.upper()})
    assert answer.status_code == 422
    assert wrong(answer) == {"/email": suppressions.ERASED}
    assert program.post("/recipients", {"email": BO}).status_code == 201
    assert emails(program) == {BO}


def test_among_many(program: Program):
    group = factories.group(program.workspace)
    entries = [{"email": email, "group_ids": [group.id]} for email in (ANA, BO)]
    answer = program.post("/recipients/bulk", {"recipients": entries}).get_json()
    assert (answer["created"], answer["invalid"]) == (1, 1)
    assert [one["detail"] for one in answer["results"]] == [suppressions.ERASED, ""]
    assert emails(program) == {BO}


def test_in_a_group(program: Program):
    group = factories.group(program.workspace)
    body = {"recipient_emails": [BO, ANA.upper()]}
    answer = program.patch(f"/groups/{group.id}/recipients", body).get_json()
    assert (answer["added"], answer["erased"]) == (1, [ANA])
    assert emails(program) == {BO}


def test_of_a_group_that_is_filled_in_the_background(program: Program):
    group = factories.group(program.workspace)
    body = {"recipient_emails": [*MANY, ANA]}
    answer = program.patch(f"/groups/{group.id}/recipients", body).get_json()
    assert (answer["added"], answer["erased"]) == (None, [ANA])
    assert f"{len(MANY):,} addresses" in audit.recent(program.workspace, limit=1)[0][0].summary
    work_off()
    assert emails(program) == {email.lower() for email in MANY}


def test_who_is_erased_while_addresses_wait(program: Program):
    group = factories.group(program.workspace)
    program.patch(f"/groups/{group.id}/recipients", {"recipient_emails": MANY})
    factories.erased(program.workspace, MANY[0].lower())
    work_off()
    assert len(emails(program)) == len(MANY) - 1
    assert not group_filling.is_filling(program.workspace, group.id)


def test_of_a_campaign(program: Program):
    made = make(program, recipient_emails=[ANA, BO])
    assert (made["direct_recipients"], made["erased"], total(program, made["id"])) == (1, [ANA], 1)
    changed = program.patch(f"/campaigns/{made['id']}", {"recipient_emails": [ANA]}).get_json()
    assert (changed["direct_recipients"], changed["erased"]) == (0, [ANA])
    renamed = program.patch(f"/campaigns/{made['id']}", {"name": "Other"}).get_json()
    assert renamed["erased"] == []
    assert emails(program) == {BO}
