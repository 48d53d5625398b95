"""Long actions on recipients: asked for in the page, done by the queue `jobs`."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select, update

from campaign_app.extensions import db, redis
from campaign_app.lib import clock
from campaign_app.models.recipient_bulk import Action, BulkAction, BulkState
from campaign_app.models.recipients import Recipient
from campaign_app.services import (
    audit,
    group_endings,
    groups,
    recipient_bulk,
    recipient_index,
    recipients,
)
from campaign_app.services.bulk_orders import Order
from campaign_app.services.consent import Why
from campaign_app.tasks import jobs
from tests import factories
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


def rung() -> list[str]:
    """The tasks that wait."""
    return [json.loads(task)["headers"]["task"] for task in redis.client.lrange("jobs", 0, -1)]


def ask(person: Person, order: Order) -> BulkAction:
    bulk, _ = recipient_bulk.ask(person.workspace, order, user=person.user)
    db.session.commit()
    return bulk


def test_many_are_left_to_the_queue_and_the_page_shows_it(crowd: Person):
    form = {"action": "delete", "everybody": "1"}
    answer = crowd.client.post("/recipients/bulk", data=form, follow_redirects=True)
    assert "being done in the background" in answer.text
    assert "Delete everybody who matched" in answer.text
    assert size(crowd) == MANY
    assert rung() == ["jobs.bulk_recipients"]


def test_the_task_does_them_all_and_may_be_repeated(crowd: Person):
    bulk = ask(crowd, Order(Action.DELETE))
    jobs.bulk_recipients.run(bulk.id)
    jobs.bulk_recipients.run(bulk.id)
    assert size(crowd) == 0
    [(entry, _), *_] = audit.recent(crowd.workspace, limit=1)
    assert entry.summary == f"Alice deleted {MANY:,} recipients"


def test_a_lost_task_is_rung_for_again(crowd: Person):
    bulk = ask(crowd, Order(Action.DELETE))
    jobs.sweep_recipients.run()
    assert not rung()
    long_ago = clock.now() - 2 * recipient_bulk.OVERDUE
    db.session.execute(
        update(BulkAction)
        .where(BulkAction.workspace_id == crowd.workspace.id)
        .values(touched_at=long_ago)
    )
    db.session.commit()
    jobs.sweep_recipients.run()
    assert rung() == ["jobs.bulk_recipients"]
    assert bulk.state == BulkState.WAITING


def test_an_action_whose_group_was_deleted_says_so(crowd: Person):
    group = factories.group(crowd.workspace)
    bulk = ask(crowd, Order(Action.JOIN, group_id=group.id))
    groups.delete_one(crowd.workspace, group, user=crowd.user)
    db.session.commit()
    jobs.bulk_recipients.run(bulk.id)
    assert (bulk.state, bulk.problem) == (BulkState.FAILED, "The group was deleted meanwhile.")


def test_a_large_group_vanishes_at_once_and_is_emptied_later(
    crowd: Person, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(group_endings, "PURGED_AT_ONCE", 0)
    ana = factories.recipient(crowd.workspace)
    group = factories.group(crowd.workspace, members=[ana])
    crowd.client.post(f"/groups/{group.id}/delete")
    assert crowd.client.get(f"/groups/{group.id}").status_code == 404
    jobs.sweep_recipients.run()
    assert rung() == ["jobs.purge_group"]
    jobs.purge_group.run(group.id)
    db.session.expire_all()
    assert groups.of(crowd.workspace, [ana.id]) == {}
    assert size(crowd) == MANY + 1


def test_the_index_is_filled_for_everybody_who_waits(crowd: Person):
    assert recipient_index.progress(crowd.workspace).waiting == MANY
    jobs.index_words.run()
    assert recipient_index.progress(crowd.workspace).waiting == 0
    assert "p1700@x.com" in crowd.client.get("/recipients/?q=com+p1700").text
