"""One action on many recipients: on a selection, or on everybody who matches a filter.

Who is meant is written down first; then they have their turn in steps, each in a transaction, so
that a million rows hold no lock for long. Whoever dies in the middle has done a step or nothing,
and somebody else goes on. What each step changed is noted, and can be taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert

from campaign_app.extensions import db
from campaign_app.lib import clock, patience
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.people import User, Workspace
from campaign_app.models.recipient_bulk import (
    ACTIVE,
    ENDED,
    Action,
    BulkAction,
    BulkState,
    BulkTargets,
)
from campaign_app.services import (
    audit,
    bulk_orders,
    bulk_words,
    group_heirs,
    group_joining,
    recipient_acts,
    recipient_filter,
    recipient_undo,
)
from campaign_app.services.bulk_orders import Order
from campaign_app.services.recipient_acts import Deed
from campaign_app.services.recipient_undo import KEPT

STEP = 2_000
"""Recipients of one step: a quarter of a second."""
AT_ONCE = 2_000
"""More than this is work for the background."""
OVERDUE = timedelta(seconds=30)
"""After which nobody seems to be at work: the doorbell was lost, or the worker died."""
MOST_FAILURES = 5


def ask(workspace: HasId, order: Order, *, user: User) -> tuple[BulkAction, bool]:
    """Put the order down, and tell whether it is short enough to be done at once.

    Raises NotFound for a group that is not the workspace's, Invalid for a missing reason or tag,
    and when nobody is meant, unless groups are to be merged.
    """
    order = bulk_orders.checked(workspace, order)
    meant = bulk_orders.meant(workspace, order).limit(AT_ONCE + 1).subquery()
    number = db.session.scalar(select(func.count()).select_from(meant)) or 0
    if not (number or order.merging):
        raise Invalid("Nobody matches any more.")
    bulk = BulkAction(
        workspace_id=workspace.id, user_id=user.id, action=order.action, order=order.as_json()
    )
    db.session.add(bulk)
    db.session.flush()
    if number > AT_ONCE:
        audit.record(
            workspace,
            "recipients.bulk_started",
            f"{user.name} asked to {bulk_words.intent(workspace, bulk)}",
            user=user,
            subject_id=bulk.id,
        )
    return bulk, number <= AT_ONCE


def run(bulk: BulkAction) -> BulkAction:
    """Do, or undo, all of it in the caller's transaction."""
    while _step(bulk.id):
        pass
    return bulk


def step(bulk_id: int) -> bool:
    """Do the next piece of an action or of its undo; False when there is no more for anybody."""
    patience.without_end()
    return _step(bulk_id)


def _step(bulk_id: int) -> bool:
    bulk = db.session.scalars(
        select(BulkAction)
        .where(BulkAction.id == bulk_id, BulkAction.state.in_(ACTIVE))
        .with_for_update(skip_locked=True)
        .execution_options(all_workspaces=True, populate_existing=True)  # a task knows the id only
    ).one_or_none()
    if bulk is None:
        return False
    workspace = db.session.get_one(Workspace, bulk.workspace_id)
    bulk.touched_at, bulk.failures = clock.now(), 0
    if bulk.state == BulkState.UNDOING:
        more = _step_back(workspace, bulk)
    elif bulk.total is None:
        more = _write_down(workspace, bulk)
    else:
        more = _step_on(workspace, bulk)
    db.session.flush()
    return more


def fail(bulk_id: int, problem: str, *, for_good: bool) -> None:
    """A step broke: it is tried again some times, unless that cannot help."""
    bulk = db.session.get(BulkAction, bulk_id)
    if bulk is None or bulk.state not in ACTIVE:
        return
    bulk.failures += 1
    if for_good or bulk.failures >= MOST_FAILURES:
        _end(bulk, BulkState.FAILED)
        bulk.problem = problem


def stop(workspace: HasId, bulk: BulkAction, *, user: User) -> None:
    """End it after its present step; what was done stays. Raises Conflict when it has ended."""
    stopped = db.session.scalar(
        update(BulkAction)
        .where(
            BulkAction.workspace_id == workspace.id,
            BulkAction.id == bulk.id,
            BulkAction.state.in_(ACTIVE),
        )
        .values(state=BulkState.STOPPED, finished_at=clock.now())
        .returning(BulkAction.id)
    )
    if not stopped:
        raise Conflict("It had ended already.")
    db.session.refresh(bulk)
    _forget_targets(bulk)
    words = f"{user.name} stopped: {bulk_words.intent(workspace, bulk)}"
    audit.record(workspace, "recipients.bulk_stopped", words, user=user, subject_id=bulk.id)


def undo(workspace: HasId, bulk: BulkAction, *, user: User) -> bool:
    """Begin to take it back; True when that is little enough to be done at once.

    Raises Conflict when there is nothing to take back, or somebody did so before.
    """
    begun = db.session.scalar(
        update(BulkAction)
        .where(
            BulkAction.workspace_id == workspace.id,
            BulkAction.id == bulk.id,
            BulkAction.state.in_(ENDED),
            BulkAction.created_at > clock.now() - KEPT,
            or_(
                BulkAction.changed > BulkAction.restored + BulkAction.spared,
                BulkAction.order["merging"].as_boolean(),  # its groups can come back
            ),
        )
        .values(state=BulkState.UNDOING, finished_at=None, user_id=user.id, touched_at=clock.now())
        .returning(BulkAction.id)
    )
    if not begun:
        raise Conflict("There is nothing left to undo.")
    db.session.refresh(bulk)
    group_heirs.come_back(workspace, Order.from_json(bulk.order).succession)
    return bulk.changed - bulk.restored - bulk.spared <= AT_ONCE


def get(workspace: HasId, bulk_id: int) -> BulkAction:
    """The workspace's own action. Raises NotFound."""
    return get_owned(workspace, BulkAction, bulk_id)


def recent(workspace: HasId, *, limit: int = 50) -> Sequence[BulkAction]:
    """The latest actions, newest first."""
    return db.session.scalars(
        owned_by(workspace, BulkAction).order_by(BulkAction.id.desc()).limit(limit)
    ).all()


def at_work(workspace: HasId) -> list[str]:
    """What is being done now, in words: "Delete 12,000 recipients: 4,000 done"."""
    active = db.session.scalars(
        owned_by(workspace, BulkAction)
        .where(BulkAction.finished_at.is_(None), BulkAction.state.in_(ACTIVE))
        .order_by(BulkAction.id)
    )
    return [bulk_words.so_far(workspace, bulk) for bulk in active]


def asked_by(bulk: BulkAction) -> str:
    """The name of who gave the order, or took it back; empty when they are gone."""
    user = db.session.get(User, bulk.user_id) if bulk.user_id else None
    return user.name if user else ""


def can_undo(bulk: BulkAction) -> bool:
    """Whether something of it is left to take back."""
    left = bulk.changed > bulk.restored + bulk.spared or bulk.order["merging"]
    return left and bulk.state in ENDED and bulk.created_at > clock.now() - KEPT


def overdue() -> Sequence[int]:
    """The ids of actions that nobody works at, though somebody should."""
    return db.session.scalars(
        select(BulkAction.id)
        .where(
            BulkAction.finished_at.is_(None),
            BulkAction.state.in_(ACTIVE),
            BulkAction.touched_at < clock.now() - OVERDUE,
        )
        .execution_options(all_workspaces=True)  # the sweep serves every workspace
    ).all()


def _write_down(workspace: HasId, bulk: BulkAction) -> bool:
    """Make the targets, in pieces of STEP, as they are at this moment."""
    meant = bulk_orders.meant(workspace, Order.from_json(bulk.order)).subquery()
    place = (func.row_number().over(order_by=meant.c.id) - 1) // STEP
    placed = select(meant.c.id, place.label("piece")).subquery()
    ids = func.array_agg(aggregate_order_by(placed.c.id, placed.c.id))
    pieces = (
        select(literal(workspace.id), literal(bulk.id), ids)
        .group_by(placed.c.piece)
        .order_by(placed.c.piece)
    )
    made = db.session.scalars(
        insert(BulkTargets)
        .from_select(["workspace_id", "bulk_id", "recipient_ids"], pieces)
        .returning(func.cardinality(BulkTargets.recipient_ids))
    )
    bulk.total, bulk.state = sum(made.all()), BulkState.RUNNING
    return True


def _step_on(workspace: Workspace, bulk: BulkAction) -> bool:
    targets = db.session.scalars(
        owned_by(workspace, BulkTargets)
        .where(BulkTargets.bulk_id == bulk.id)
        .order_by(BulkTargets.id)
        .limit(1)
    ).one_or_none()
    order = Order.from_json(bulk.order)
    if targets is None:
        _end(bulk, BulkState.DONE)
        if merge := order.succession:
            heritage = group_heirs.succeed(workspace, merge, purge_after=clock.now() + KEPT)
            bulk.order = {**bulk.order, "heritage": heritage}
        _record(workspace, bulk, bulk_words.outcome(workspace, bulk))
        return False
    if order.group_id:
        group_joining.insist(workspace, order.group_id)
    ids = targets.recipient_ids
    if order.action == Action.JOIN and order.group_id:
        bulk.refused += group_joining.refused(workspace, order.group_id, ids)
    bulk.changed += recipient_acts.apply(workspace, _deed(bulk), ids)
    bulk.done += len(ids)
    recipient_filter.forget_counts(workspace)
    db.session.delete(targets)
    return True


def _step_back(workspace: Workspace, bulk: BulkAction) -> bool:
    restored, spared = recipient_undo.step(workspace, _deed(bulk))
    if restored == spared == 0:
        _end(bulk, BulkState.UNDONE)
        group_heirs.step_down(workspace, Order.from_json(bulk.order).succession)
        _record(workspace, bulk, bulk_words.undone(workspace, bulk))
        return False
    bulk.restored += restored
    bulk.spared += spared
    return True


def _deed(bulk: BulkAction) -> Deed:
    order = Order.from_json(bulk.order)
    user = db.session.get(User, bulk.user_id) if bulk.user_id else None
    return Deed(bulk.id, order.action, user, order.group_id, order.tag, order.reason.strip())


def _end(bulk: BulkAction, state: BulkState) -> None:
    bulk.state, bulk.finished_at = state, clock.now()
    _forget_targets(bulk)


def _forget_targets(bulk: BulkAction) -> None:
    db.session.execute(
        delete(BulkTargets).where(
            BulkTargets.workspace_id == bulk.workspace_id, BulkTargets.bulk_id == bulk.id
        )
    )


def _record(workspace: Workspace, bulk: BulkAction, words: str) -> None:
    user = db.session.get(User, bulk.user_id) if bulk.user_id else None
    action, words = f"recipients.bulk_{bulk.action}", f"{asked_by(bulk) or 'Carillon'} {words}"
    audit.record(workspace, action, words, user=user, subject_id=bulk.id)
