"""A person or a program whom PostgreSQL chose as a deadlock's victim notices nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
from flask import Flask
from psycopg2.errors import DeadlockDetected
from sqlalchemy import TextClause, text
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from campaign_app.extensions import db
from campaign_app.lib import deadlocks
from campaign_app.models.recipients import Group, Recipient
from campaign_app.services import groups
from tests import factories
from tests.api.program import Program
from tests.people import Person
from tests.waiting import until_somebody_waits_for

PERSON = text("SELECT FROM recipients WHERE id = :id FOR UPDATE")
MEMBER = text("SELECT FROM group_members WHERE recipient_id = :id FOR UPDATE")
GROUP = text("SELECT FROM groups WHERE id = :id FOR UPDATE")
# Only the request looks for deadlocks, so it is the one that finds itself in it.
BLIND = text("SET LOCAL deadlock_timeout = '1min'")


@pytest.fixture
def alice(live_app: Flask) -> Person:
    return Person.enter(live_app, factories.membership(name="Alice"))


@pytest.fixture
def people(alice: Person) -> tuple[Group, Recipient]:
    return factories.group(alice.workspace), factories.recipient(alice.workspace)


@contextmanager
def entangled(
    people: tuple[Group, Recipient],
    ask: Callable[..., TestResponse],
    *args: object,
    person_row: TextClause = PERSON,
    **more: object,
) -> Iterator[Future[TestResponse]]:
    """The request takes the group and wants the person; somebody else, the other way round."""
    group, person = people
    group_id, person_id = group.id, person.id
    db.session.rollback()
    with ThreadPoolExecutor(1) as threads, db.engine.connect() as other:
        other.execute(BLIND)
        other.execute(person_row, {"id": person_id})
        asked = threads.submit(ask, *args, **more)
        until_somebody_waits_for(other)
        with suppress(OperationalError):  # standing still for a second, it is the victim itself
            other.execute(GROUP, {"id": group_id})
        other.rollback()
        yield asked


def members(alice: Person, group: Group) -> int:
    return groups.sizes(alice.workspace)[group.id]


def test_a_program_joins_people_to_a_group_in_spite_of_a_deadlock(
    alice: Person, people: tuple[Group, Recipient]
):
    group, person = people
    program, path = Program.of(alice), f"/groups/{group.id}/recipients"
    body = {"recipient_emails": [person.email]}
    with entangled(people, program.patch, path, body) as asked:
        assert asked.result().status_code == 200
    assert members(alice, group) == 1


def test_a_person_pastes_into_a_group_in_spite_of_a_deadlock(
    alice: Person, people: tuple[Group, Recipient]
):
    group, person = people
    path, form = f"/groups/{group.id}/add", {"addresses": person.email}
    alice.client.get(path)
    with entangled(people, alice.client.post, path, data=form) as asked:
        assert asked.result().status_code == 302
    assert members(alice, group) == 1


def test_a_program_deletes_a_group_in_spite_of_a_deadlock(
    alice: Person, people: tuple[Group, Recipient]
):
    group, person = people
    factories.join(group, person)
    program, path = Program.of(alice), f"/groups/{group.id}"
    with entangled(people, program.delete, path, person_row=MEMBER) as asked:
        assert asked.result().status_code == 204
    assert groups.standing(alice.workspace) == []


def victim(tries: list[int], *, ends_after: int, commits: bool = False) -> Callable[[], str]:
    """What is a deadlock's victim as often as told; it may have committed something by then."""

    def act() -> str:
        tries.append(db.session.scalar(text("SELECT 1")) or 0)
        if commits:
            db.session.commit()
        if len(tries) <= ends_after:
            raise OperationalError("UPDATE", {}, DeadlockDetected())
        return "done"

    return act


def test_what_was_committed_is_never_done_again(live_app: Flask):
    tries: list[int] = []
    act = victim(tries, ends_after=1, commits=True)
    with pytest.raises(OperationalError):
        deadlocks.survive(act, is_repeatable=lambda: True)
    assert len(tries) == 1


def test_what_cannot_be_repeated_is_not(live_app: Flask):
    tries: list[int] = []
    with pytest.raises(OperationalError):
        deadlocks.survive(victim(tries, ends_after=1), is_repeatable=lambda: False)
    assert len(tries) == 1


def test_a_savepoint_is_no_commit_and_three_tries_are_enough(live_app: Flask):
    tries: list[int] = []
    act = victim(tries, ends_after=2)

    def in_savepoint() -> str:
        with db.session.begin_nested():
            return act()

    assert deadlocks.survive(in_savepoint, is_repeatable=lambda: True) == "done"
    tries.clear()
    with pytest.raises(OperationalError):
        deadlocks.survive(victim(tries, ends_after=3), is_repeatable=lambda: True)
    assert len(tries) == deadlocks.ATTEMPTS
