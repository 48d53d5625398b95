"""One action on many recipients: on a selection, or on everybody who matches a filter.

The work is done in steps that may each be committed, so that a million rows hold no lock for long.
Every action may be repeated: a task that ran half-way, or twice, does no harm.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid, NotFound
from campaign_app.lib.tenancy import HasId
from campaign_app.models.people import User, Workspace
from campaign_app.models.recipients import Recipient
from campaign_app.services import audit, consent, groups, recipient_filter, recipients
from campaign_app.services.recipient_filter import EVERYBODY, Filter

STEP = 5_000
AT_ONCE = 10_000
"""More than this is work for the background."""


class Action(StrEnum):
    """What can be done to many."""

    JOIN = "join"
    LEAVE = "leave"
    UNSUBSCRIBE = "unsubscribe"
    RESUBSCRIBE = "resubscribe"
    DELETE = "delete"


PHRASES = {
    Action.JOIN: ("add {who} to a group", "added {who} to a group"),
    Action.LEAVE: ("take {who} out of a group", "took {who} out of a group"),
    Action.UNSUBSCRIBE: ("unsubscribe {who}", "unsubscribed {who}"),
    Action.RESUBSCRIBE: ("resubscribe {who}", "resubscribed {who}"),
    Action.DELETE: ("delete {who}", "deleted {who}"),
}


@dataclass(frozen=True, slots=True)
class Order:
    """An action, and on whom: `ids`, or without them all who match `chosen` up to `last_id`.

    `last_id` keeps out those who come to the list after the order was given.
    """

    action: Action
    ids: tuple[int, ...] = ()
    chosen: Filter = EVERYBODY
    last_id: int = 0
    group_id: int | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same as plain values, to travel in a task."""
        return {
            "action": self.action.value,
            "ids": list(self.ids),
            "chosen": self.chosen.as_json(),
            "last_id": self.last_id,
            "group_id": self.group_id,
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Order:
        """Rebuild what `as_json` gave."""
        rest = {**values, "action": Action(values["action"]), "ids": tuple(values["ids"])}
        return cls(**{**rest, "chosen": Filter.from_json(values["chosen"])})


def prepare(workspace: HasId, order: Order) -> tuple[Order, bool]:
    """The order made definite, and whether it is short enough to be done at once.

    Raises NotFound for a group that is not the workspace's, Invalid for a missing reason or
    nobody chosen.
    """
    if order.action in (Action.JOIN, Action.LEAVE):
        groups.get(workspace, order.group_id or 0)
    if order.action == Action.RESUBSCRIBE and not order.reason.strip():
        raise Invalid("Say how they asked for your mail again.", field="reason")
    if order.ids:
        return order, len(order.ids) <= AT_ONCE
    last_id = db.session.scalar(
        select(func.max(Recipient.id)).where(Recipient.workspace_id == workspace.id)
    )
    order = replace(order, last_id=last_id or 0)
    few = recipient_filter.matching(workspace, order.chosen).limit(AT_ONCE + 1).subquery()
    number = db.session.scalar(select(func.count()).select_from(few)) or 0
    if not number:
        raise Invalid("Nobody matches any more.")
    return order, number <= AT_ONCE


def parties(workspace_id: int, user_id: int) -> tuple[Workspace, User | None]:
    """Whose list it is, and who gave the order, for a task. Raises NotFound without the former."""
    workspace = db.session.get(Workspace, workspace_id)
    if workspace is None:
        raise NotFound
    return workspace, db.session.get(User, user_id)


def step(
    workspace: HasId, order: Order, *, after: int = 0, user: User | None
) -> tuple[int, int | None]:
    """Do the next STEP recipients: how many changed, and where to go on, None at the end."""
    ids = _next_ids(workspace, order, after)
    changed = _act(workspace, order, ids, user) if ids else 0
    return changed, ids[-1] if len(ids) == STEP else None


def run(workspace: HasId, order: Order, *, user: User) -> int:
    """The whole order in the caller's transaction, for short ones; gives how many changed."""
    total, after = 0, 0
    while True:
        changed, following = step(workspace, order, after=after, user=user)
        total += changed
        if following is None:
            break
        after = following
    record_end(workspace, order, changed=total, user=user)
    return total


def record_start(workspace: HasId, order: Order, *, user: User) -> None:
    """Write into the log what was asked for: if the task is lost, the log shows no end."""
    phrase = _phrase(workspace, order, 0, "everybody who matched a filter")
    summary = f"{user.name} asked to {phrase}"
    audit.record(workspace, "recipients.bulk_started", summary, user=user)


def so_far(order: Order, *, changed: int) -> str:
    """How far it is, for whoever watches: "Unsubscribe recipients: 15,000 done so far"."""
    phrase = PHRASES[order.action][0].format(who="recipients")
    return f"{phrase.capitalize()}: {changed:,} done so far"


def record_end(workspace: HasId, order: Order, *, changed: int, user: User | None) -> None:
    """Write into the log what was done, as far as it was."""
    people = f"{changed:,} {'recipient' if changed == 1 else 'recipients'}"
    summary = f"{user.name if user else 'Carillon'} {_phrase(workspace, order, 1, people)}"
    audit.record(workspace, f"recipients.bulk_{order.action}", summary, user=user)


def _phrase(workspace: HasId, order: Order, tense: int, who: str) -> str:
    phrase = PHRASES[order.action][tense].format(who=who)
    for group in groups.chosen(workspace, [order.group_id or 0]):
        phrase = phrase.replace("a group", f"the group “{group.name}”")
    return phrase


def _next_ids(workspace: HasId, order: Order, after: int) -> Sequence[int]:
    if order.ids:
        later = sorted(row_id for row_id in set(order.ids) if row_id > after)
        return later[:STEP]
    return db.session.scalars(
        recipient_filter.matching(workspace, order.chosen)
        .where(Recipient.id > after, Recipient.id <= order.last_id)
        .order_by(Recipient.id)
        .limit(STEP)
    ).all()


def _act(workspace: HasId, order: Order, ids: Collection[int], user: User | None) -> int:
    if order.action in (Action.JOIN, Action.LEAVE):
        group = groups.get(workspace, order.group_id or 0)
        act = groups.join if order.action == Action.JOIN else groups.leave
        return act(workspace, group, ids)
    if order.action == Action.DELETE:
        return recipients.delete_all(workspace, ids)
    change = (
        consent.unsubscribe_all if order.action == Action.UNSUBSCRIBE else consent.resubscribe_all
    )
    return change(workspace, ids, reason=order.reason.strip(), source="page", user=user)
