"""Long actions on recipients: asked for in the page, done by the queue `jobs`."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select

from campaign_app.extensions import db, redis
from campaign_app.lib.errors import NotFound
from campaign_app.models.recipients import Recipient
from campaign_app.services import audit, recipient_bulk, recipients
from campaign_app.services.consent import Why
from campaign_app.services.recipient_bulk import Action, Order
from campaign_app.tasks import jobs
from tests.people import Person

MANY = recipient_bulk.AT_ONCE + 1


@pytest.fixture
def crowd(alice: Person) -> Person:
    """Alice with more recipients than are changed at once."""
    people = {f"p{number}@x.com": "" for number in range(MANY)}
    recipients.ensure(alice.workspace, people, why=Why("Added", "page"))
    db.session.commit()
    return alice


def size(person: Person) -> int:
    mine = Recipient.workspace_id == person.workspace.id
    return db.session.scalar(select(func.count()).select_from(Recipient).where(mine)) or 0


def test_many_are_left_to_the_queue_and_the_log_says_so(crowd: Person):
    answer = crowd.client.post(
        "/recipients/bulk", data={"action": "delete", "everybody": "1"}, follow_redirects=True
    )
    assert "being done in the background" in answer.text
    assert size(crowd) == MANY
    [task] = redis.client.lrange("jobs", 0, -1)
    assert json.loads(task)["headers"]["task"] == "jobs.bulk_recipients"
    [(entry, _)] = audit.recent(crowd.workspace, limit=1)
    assert entry.summary == "Alice asked to delete everybody who matched a filter"


def test_the_task_does_them_all_and_may_be_repeated(crowd: Person):
    order, _ = recipient_bulk.prepare(crowd.workspace, Order(Action.DELETE))
    asked = (crowd.workspace.id, crowd.user.id, order.as_json())
    jobs.bulk_recipients.run(*asked)
    jobs.bulk_recipients.run(*asked)
    assert size(crowd) == 0
    done = [entry.summary for entry, _ in audit.recent(crowd.workspace, limit=2)]
    assert done == ["Alice deleted 0 recipients", f"Alice deleted {MANY:,} recipients"]


def test_a_task_that_cannot_go_on_says_how_far_it_came(alice: Person):
    order = Order(Action.JOIN, ids=(1,), group_id=10**9)
    with pytest.raises(NotFound):
        jobs.bulk_recipients.run(alice.workspace.id, alice.user.id, order.as_json())
    [(entry, _)] = audit.recent(alice.workspace, limit=1)
    assert entry.summary == "Alice added 0 recipients to a group"
