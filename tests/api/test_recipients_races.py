"""Programs and people who change the same recipients at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.services import groups
from tests import factories
from tests.api.program import Program
from tests.people import Person
from tests.waiting import until_somebody_waits_for

DELETE = text("DELETE FROM recipients WHERE email = :email")
HOLD = text("SELECT FROM recipients WHERE email = :email FOR UPDATE")


@pytest.fixture
def program(live_app: Flask) -> Program:
    """A program on a database where commits are real."""
    return Program.of(Person.enter(live_app, factories.membership()))


def test_whoever_is_deleted_during_a_bulk_request_is_added_anew(program: Program):
    people = [factories.recipient(program.workspace, email=f"{n}@x.com").email for n in "ab"]
    body = {"recipients": [{"email": email, "name": "Kim"} for email in people]}
    with ThreadPoolExecutor(1) as threads, db.engine.connect() as other:
        other.execute(HOLD, {"email": "a@x.com"})
        answer = threads.submit(program.post, "/recipients/bulk", body)
        until_somebody_waits_for(other)
        other.execute(DELETE, {"email": "b@x.com"})
        other.commit()
        told = answer.result().get_json()["results"]
    assert [one["result"] for one in told] == ["updated", "created"]


def test_whoever_is_deleted_while_joining_a_group_is_passed_over(program: Program):
    group = factories.group(program.workspace)
    people = [factories.recipient(program.workspace, email=f"{n}@x.com") for n in "ab"]
    ids, path = [one.id for one in people], f"/groups/{group.id}/recipients"
    body = {"recipient_emails": [one.email for one in people]}
    with ThreadPoolExecutor(1) as threads, db.engine.connect() as other:
        other.execute(HOLD, {"email": "a@x.com"})
        answer = threads.submit(program.patch, path, body)
        until_somebody_waits_for(other)
        other.execute(DELETE, {"email": "b@x.com"})
        other.commit()
        assert answer.result().get_json()["added"] == 1
    assert list(groups.of(program.workspace, ids)) == ids[:1]


def test_a_group_that_is_deleted_meanwhile_is_no_crash(program: Program):
    group = factories.group(program.workspace)
    person = factories.recipient(program.workspace)
    with ThreadPoolExecutor(1) as threads, db.engine.connect() as other:
        other.execute(text("DELETE FROM groups"))
        body = {"recipient_emails": [person.email]}
        answer = threads.submit(program.patch, f"/groups/{group.id}/recipients", body)
        until_somebody_waits_for(other)
        other.commit()
        assert answer.result().status_code == 409
