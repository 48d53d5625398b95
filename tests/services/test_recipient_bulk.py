"""One action on many: on a selection, on all who match, in steps, and never on a neighbour's."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, Invalid, NotFound
from campaign_app.models.recipient_bulk import Action, BulkAction, BulkState
from campaign_app.models.recipients import Recipient, RecipientStatus
from campaign_app.services import audit, groups, recipient_bulk, recipients, suppressions
from campaign_app.services.bulk_orders import Order
from campaign_app.services.consent import Why
from campaign_app.services.recipient_filter import Filter
from tests import factories
from tests.people import Person

ADDED = Why("Added", "page")


def run(person: Person, order: Order) -> BulkAction:
    bulk, _ = recipient_bulk.ask(person.workspace, order, user=person.user)
    return recipient_bulk.run(bulk)


def many(person: Person) -> int:
    number = recipient_bulk.AT_ONCE + 1
    recipients.ensure(person.workspace, {f"p{n}@x.com": "" for n in range(number)}, why=ADDED)
    return number


def statuses(person: Person) -> dict[str, str]:
    db.session.expire_all()
    rows = db.session.scalars(
        select(Recipient).where(Recipient.workspace_id == person.workspace.id)
    )
    return {row.email: str(row.status) for row in rows}


def test_a_selection_is_unsubscribed(alice: Person):
    ana, bor = (factories.recipient(alice.workspace, email=f"{x}@x.com") for x in ("ana", "bor"))
    assert run(alice, Order(Action.UNSUBSCRIBE, ids=(ana.id,), reason="Asked")).changed == 1
    assert statuses(alice) == {"ana@x.com": "unsubscribed", bor.email: "subscribed"}


def test_everybody_who_matches_is_resubscribed_with_a_reason(alice: Person):
    for name, status in [("a1", "unsubscribed"), ("a2", "complained"), ("b1", "unsubscribed")]:
        factories.recipient(alice.workspace, email=f"{name}@x.com", name="", status=status)
    order = Order(Action.RESUBSCRIBE, chosen=Filter("a"), reason="Fair")
    assert run(alice, order).changed == 1
    assert statuses(alice) == {
        "a1@x.com": "subscribed",
        "a2@x.com": "complained",
        "b1@x.com": "unsubscribed",
    }


def test_everybody_joins_and_leaves_a_group(alice: Person):
    recipients.ensure(alice.workspace, {"a@x.com": "", "b@x.com": ""}, why=ADDED)
    group = factories.group(alice.workspace)
    assert run(alice, Order(Action.JOIN, group_id=group.id)).changed == 2
    in_group = Filter(group_id=group.id)
    assert run(alice, Order(Action.LEAVE, chosen=in_group, group_id=group.id)).changed == 2
    assert groups.sizes(alice.workspace) == {}


def test_tags_are_put_on_and_taken_off(alice: Person):
    ana = factories.recipient(alice.workspace, tags=["vip"])
    bor = factories.recipient(alice.workspace)
    assert run(alice, Order(Action.TAG, tag=" Autumn  Fair ")).changed == 2
    db.session.expire_all()
    assert (ana.tags, bor.tags) == (["autumn fair", "vip"], ["autumn fair"])
    assert run(alice, Order(Action.UNTAG, chosen=Filter(tag="vip"), tag="vip")).changed == 1
    db.session.expire_all()
    assert ana.tags == ["autumn fair"]


def test_everybody_is_suppressed_once(alice: Person):
    ana, bor = (factories.recipient(alice.workspace, email=f"{x}@x.com") for x in ("ana", "bor"))
    suppressions.put(alice.workspace, [bor.email], reason="550", source="smtp")
    assert run(alice, Order(Action.SUPPRESS, reason="Lawyer")).changed == 1
    found = suppressions.find(alice.workspace, ana.email)
    assert found
    assert found.reason == "Lawyer"


def test_a_long_order_is_done_in_steps_that_others_can_go_on_with(alice: Person):
    number = many(alice)
    bulk, short = recipient_bulk.ask(alice.workspace, Order(Action.DELETE), user=alice.user)
    assert not short
    assert recipient_bulk.step(bulk.id)  # writes down who is meant
    assert recipient_bulk.step(bulk.id)
    assert (bulk.total, bulk.done, bulk.state) == (number, recipient_bulk.STEP, BulkState.RUNNING)
    recipient_bulk.run(bulk)
    assert (bulk.changed, bulk.state) == (number, BulkState.DONE)
    assert not recipient_bulk.step(bulk.id)


def test_who_is_meant_is_settled_when_it_begins(alice: Person):
    factories.recipient(alice.workspace)
    bulk, _ = recipient_bulk.ask(alice.workspace, Order(Action.DELETE), user=alice.user)
    recipient_bulk.step(bulk.id)
    factories.recipient(alice.workspace, email="late@x.com")
    recipient_bulk.run(bulk)
    assert list(statuses(alice)) == ["late@x.com"]


def test_a_stopped_one_stays_stopped_and_can_be_undone(alice: Person):
    number = many(alice)
    order = Order(Action.UNSUBSCRIBE, reason="Oops")
    bulk, _ = recipient_bulk.ask(alice.workspace, order, user=alice.user)
    recipient_bulk.step(bulk.id)
    recipient_bulk.step(bulk.id)
    recipient_bulk.stop(alice.workspace, bulk, user=alice.user)
    assert not recipient_bulk.step(bulk.id)
    assert list(statuses(alice).values()).count("unsubscribed") == recipient_bulk.STEP
    with pytest.raises(Conflict):
        recipient_bulk.stop(alice.workspace, bulk, user=alice.user)
    recipient_bulk.undo(alice.workspace, bulk, user=alice.user)
    recipient_bulk.run(bulk)
    assert list(statuses(alice).values()) == ["subscribed"] * number


def test_an_order_survives_as_json(alice: Person):
    chosen = Filter("a", RecipientStatus.BOUNCED, 7, "vip")
    order = Order(Action.JOIN, (3, 4), chosen, group_id=7, sources=(1,), merging=True)
    assert Order.from_json(order.as_json()) == order


def test_the_log_says_what_was_done(alice: Person):
    ana = factories.recipient(alice.workspace)
    group = factories.group(alice.workspace, name="Autumn")
    run(alice, Order(Action.JOIN, ids=(ana.id,), group_id=group.id))
    [(entry, who)] = audit.recent(alice.workspace, limit=1)
    assert (entry.summary, who) == ("Alice added 1 recipient to the group “Autumn”", "Alice")


def test_it_refuses_what_it_cannot_do(alice: Person, charlie: Person):
    factories.recipient(alice.workspace)
    stranger = factories.group(charlie.workspace)
    with pytest.raises(NotFound):
        run(alice, Order(Action.JOIN, group_id=stranger.id))
    with pytest.raises(Invalid, match="how they asked"):
        run(alice, Order(Action.RESUBSCRIBE))
    with pytest.raises(Invalid, match="Nobody"):
        run(alice, Order(Action.DELETE, chosen=Filter("zzz")))
    with pytest.raises(Invalid, match="tag"):
        run(alice, Order(Action.TAG, tag=" "))


@pytest.mark.parametrize("action", [Action.UNSUBSCRIBE, Action.DELETE, Action.SUPPRESS])
def test_a_neighbours_recipients_cannot_be_named(alice: Person, charlie: Person, action: Action):
    ana = factories.recipient(alice.workspace)
    with pytest.raises(Invalid, match="Nobody"):
        run(charlie, Order(action, ids=(ana.id,)))
    mine = Recipient.workspace_id == alice.workspace.id
    assert db.session.scalar(select(func.count()).select_from(Recipient).where(mine)) == 1


def test_a_stranger_finds_no_action(alice: Person, charlie: Person):
    ana = factories.recipient(alice.workspace)
    bulk = run(alice, Order(Action.UNSUBSCRIBE, ids=(ana.id,)))
    with pytest.raises(NotFound):
        recipient_bulk.get(charlie.workspace, bulk.id)
    with pytest.raises(Conflict):
        recipient_bulk.undo(charlie.workspace, bulk, user=charlie.user)
    assert not recipient_bulk.recent(charlie.workspace)
