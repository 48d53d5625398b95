"""One action on many: on a selection, on all who match, in steps, and never on a neighbour's."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid, NotFound
from campaign_app.models.recipients import Recipient
from campaign_app.services import audit, groups, recipient_bulk, recipients
from campaign_app.services.consent import Why
from campaign_app.services.recipient_bulk import Action, Order
from campaign_app.services.recipient_filter import Filter
from tests import factories
from tests.people import Person

ADDED = Why("Added", "page")


def run(person: Person, order: Order) -> int:
    definite, _ = recipient_bulk.prepare(person.workspace, order)
    return recipient_bulk.run(person.workspace, definite, user=person.user)


def statuses(person: Person) -> dict[str, str]:
    db.session.expire_all()
    rows = db.session.scalars(
        select(Recipient).where(Recipient.workspace_id == person.workspace.id)
    )
    return {row.email: str(row.status) for row in rows}


def test_a_selection_is_unsubscribed(alice: Person):
    ana, bor = (factories.recipient(alice.workspace, email=f"{x}@x.com") for x in ("ana", "bor"))
    assert run(alice, Order(Action.UNSUBSCRIBE, ids=(ana.id,), reason="Asked")) == 1
    assert statuses(alice) == {"ana@x.com": "unsubscribed", bor.email: "subscribed"}


def test_everybody_who_matches_is_resubscribed_with_a_reason(alice: Person):
    for name, status in [("a1", "unsubscribed"), ("a2", "complained"), ("b1", "unsubscribed")]:
        factories.recipient(alice.workspace, email=f"{name}@x.com", name="", status=status)
    order = Order(Action.RESUBSCRIBE, chosen=Filter("a"), reason="Fair")
    assert run(alice, order) == 1
    assert statuses(alice) == {
        "a1@x.com": "subscribed",
        "a2@x.com": "complained",
        "b1@x.com": "unsubscribed",
    }


def test_everybody_joins_and_leaves_a_group(alice: Person):
    recipients.ensure(alice.workspace, {"a@x.com": "", "b@x.com": ""}, why=ADDED)
    group = factories.group(alice.workspace)
    assert run(alice, Order(Action.JOIN, group_id=group.id)) == 2
    in_group = Filter(group_id=group.id)
    assert run(alice, Order(Action.LEAVE, chosen=in_group, group_id=group.id)) == 2
    assert groups.sizes(alice.workspace) == {}


def test_a_long_order_is_done_in_steps(alice: Person):
    many = recipient_bulk.AT_ONCE + 1
    recipients.ensure(alice.workspace, {f"p{n}@x.com": "" for n in range(many)}, why=ADDED)
    order, short = recipient_bulk.prepare(alice.workspace, Order(Action.DELETE))
    assert not short
    changed, after = recipient_bulk.step(alice.workspace, order, user=alice.user)
    assert changed == recipient_bulk.STEP
    assert after is not None
    assert recipient_bulk.run(alice.workspace, order, user=alice.user) == many - changed


def test_newcomers_after_the_order_are_spared(alice: Person):
    factories.recipient(alice.workspace)
    order, _ = recipient_bulk.prepare(alice.workspace, Order(Action.DELETE))
    factories.recipient(alice.workspace, email="late@x.com")
    recipient_bulk.run(alice.workspace, order, user=alice.user)
    assert list(statuses(alice)) == ["late@x.com"]


def test_an_order_survives_its_travel_as_json(alice: Person):
    order = Order(Action.JOIN, ids=(3, 4), chosen=Filter("a", "bounced", 7), group_id=7, last_id=9)
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


@pytest.mark.parametrize("action", [Action.UNSUBSCRIBE, Action.DELETE])
def test_a_neighbours_recipients_cannot_be_named(alice: Person, charlie: Person, action: Action):
    ana = factories.recipient(alice.workspace)
    assert run(charlie, Order(action, ids=(ana.id,))) == 0
    mine = Recipient.workspace_id == alice.workspace.id
    assert db.session.scalar(select(func.count()).select_from(Recipient).where(mine)) == 1
