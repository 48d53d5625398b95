"""Undoing a bulk action brings every row back as it was, and spares what has changed since."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.models.people import User, Workspace
from campaign_app.models.recipient_bulk import Action, BulkAction, BulkState
from campaign_app.models.recipients import Group, GroupRefusal, Recipient
from campaign_app.services import consent, groups, recipient_bulk, recipient_undo
from campaign_app.services.bulk_orders import Order
from tests import factories

PEOPLE = """
    SELECT id, email, name, attributes::text, tags, status, status_at, status_reason, created_at
    FROM recipients ORDER BY id
"""
MEMBERS = "SELECT group_id, recipient_id, created_at FROM group_members ORDER BY 1, 2"
SUPPRESSED = "SELECT email, reason, source FROM suppressions ORDER BY email"


class World:
    """A workspace on a database of its own: five people, some in a group, some not subscribed."""

    def __init__(self) -> None:
        membership = factories.membership(name="Alice")
        self.workspace: Workspace = membership.workspace
        self.user: User = membership.user
        self.people = [self._person(n) for n in range(5)]
        self.group = factories.group(self.workspace, name="Old", members=self.people[:3])
        self.new: Group = factories.group(self.workspace, name="New", members=self.people[:1])
        consent.bounce(self.workspace, self.people[2].email, reason="550 gone")
        consent.unsubscribe(self.workspace, self.people[3], reason="Asked", source="link")
        db.session.commit()

    def _person(self, number: int) -> Recipient:
        email, known = f"p{number}@x.com", {"city": "Ås", "n": str(number)}
        return factories.recipient(
            self.workspace, email=email, attributes=known, tags=["vip"] if number % 2 else []
        )

    def rows(self) -> list[list[Any]]:
        db.session.commit()
        return [
            [tuple(row) for row in db.session.execute(text(query))]
            for query in (PEOPLE, MEMBERS, SUPPRESSED)
        ]

    def do(self, order: Order) -> BulkAction:
        bulk, _ = recipient_bulk.ask(self.workspace, order, user=self.user)
        return self._finish(bulk)

    def undo(self, bulk: BulkAction) -> BulkAction:
        recipient_bulk.undo(self.workspace, bulk, user=self.user)
        return self._finish(bulk)

    def _finish(self, bulk: BulkAction) -> BulkAction:
        while recipient_bulk.step(bulk.id):
            db.session.commit()
        db.session.commit()
        return bulk


@pytest.fixture
def world(live_app: Flask) -> World:
    return World()


def order(world: World, action: Action) -> Order:
    group = world.new.id if action == Action.JOIN else world.group.id
    return Order(action, group_id=group, tag="vip", reason="By mistake")


@pytest.mark.parametrize("action", list(Action))
def test_undoing_brings_every_row_back(world: World, action: Action):
    before = world.rows()
    bulk = world.do(order(world, action))
    assert world.rows() != before
    assert bulk.changed > 0
    world.undo(bulk)
    assert world.rows() == before
    assert (bulk.state, bulk.restored, bulk.spared) == (BulkState.UNDONE, bulk.changed, 0)
    assert not recipient_bulk.can_undo(bulk)


def test_somebody_who_is_back_already_is_spared(world: World):
    bulk = world.do(Order(Action.DELETE))
    fresh = factories.recipient(world.workspace, email="p0@x.com", name="Came back")
    world.undo(bulk)
    assert (bulk.restored, bulk.spared) == (4, 1)
    assert db.session.get_one(Recipient, fresh.id).name == "Came back"


def test_a_membership_of_a_group_that_is_gone_stays_gone(world: World):
    bulk = world.do(Order(Action.DELETE))
    groups.delete_one(world.workspace, world.group, user=world.user)
    world.undo(bulk)
    assert groups.sizes(world.workspace) == {world.new.id: 1}


def test_whoever_left_a_group_for_good_stays_out_of_it(world: World):
    first = world.people[0].id
    whose = {"workspace_id": world.workspace.id, "recipient_id": first}
    groups.leave(world.workspace, world.group, [first])
    factories.save(GroupRefusal(**whose, group_id=world.group.id))
    world.undo(world.do(Order(Action.DELETE)))
    groups.join(world.workspace, world.group, [first])
    assert groups.sizes(world.workspace)[world.group.id] == 2


def test_whoever_left_and_joined_again_by_hand_stays(world: World):
    bulk = world.do(Order(Action.JOIN, group_id=world.new.id))
    again = world.people[4].id
    groups.leave(world.workspace, world.new, [again])
    db.session.commit()
    groups.join(world.workspace, world.new, [again])
    world.undo(bulk)
    assert groups.sizes(world.workspace)[world.new.id] == 2


def test_whoever_opted_out_themselves_meanwhile_stays_out(world: World):
    bulk = world.do(Order(Action.UNSUBSCRIBE, reason="By mistake"))
    consent.opt_out(world.workspace, "p0@x.com", reason="No more", source="link")
    db.session.commit()
    world.undo(bulk)
    db.session.expire_all()
    assert (str(world.people[0].status), str(world.people[1].status)) == (
        "unsubscribed",
        "subscribed",
    )


def test_a_status_that_was_changed_since_is_spared(world: World):
    bulk = world.do(Order(Action.RESUBSCRIBE, reason="Fair"))
    consent.unsubscribe(world.workspace, world.people[3], reason="Asked again", source="link")
    world.undo(bulk)
    db.session.expire_all()
    assert world.people[3].status_reason == "Asked again"
    assert bulk.spared == 1


def test_each_undo_leaves_a_line_in_everybodys_history(world: World):
    bulk = world.do(Order(Action.UNSUBSCRIBE, reason="By mistake"))
    world.undo(bulk)
    [(latest, _), *_] = consent.history(world.workspace, "p0@x.com")
    assert (str(latest.action), latest.reason) == ("subscribed", "A bulk action was undone")


def test_what_nobody_can_undo_any_more_is_forgotten(world: World):
    old, new = world.do(Order(Action.TAG, tag="a")), world.do(Order(Action.TAG, tag="b"))
    old.created_at -= 2 * recipient_undo.KEPT
    db.session.commit()
    while recipient_undo.forget_old():
        db.session.commit()
    kept = db.session.execute(text("SELECT DISTINCT bulk_id FROM recipient_changes")).scalars()
    assert kept.all() == [new.id]
    assert not recipient_bulk.can_undo(old)
