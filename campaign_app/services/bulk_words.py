"""A bulk action in words, for the log and for the page."""

from __future__ import annotations

from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId
from campaign_app.models.recipient_bulk import Action, BulkAction
from campaign_app.models.recipients import Group
from campaign_app.services.bulk_orders import Order

_INTENT = {
    Action.JOIN: "add {who} to the group {group}",
    Action.LEAVE: "remove {who} from the group {group}",
    Action.TAG: "tag {who} with “{tag}”",
    Action.UNTAG: "take the tag “{tag}” off {who}",
    Action.UNSUBSCRIBE: "unsubscribe {who}",
    Action.RESUBSCRIBE: "resubscribe {who}",
    Action.SUPPRESS: "put {who} on the suppression list",
    Action.DELETE: "delete {who}",
}
_PAST = {
    Action.JOIN: "added {who} to the group {group}",
    Action.LEAVE: "removed {who} from the group {group}",
    Action.TAG: "tagged {who} with “{tag}”",
    Action.UNTAG: "took the tag “{tag}” off {who}",
    Action.UNSUBSCRIBE: "unsubscribed {who}",
    Action.RESUBSCRIBE: "resubscribed {who}",
    Action.SUPPRESS: "put {who} on the suppression list",
    Action.DELETE: "deleted {who}",
}


def intent(workspace: HasId, bulk: BulkAction) -> str:
    """What was asked for: "unsubscribe 12,345 recipients"."""
    who = "everybody who matched" if bulk.total is None else people(bulk.total)
    return _filled(workspace, bulk, _INTENT, who)


def so_far(workspace: HasId, bulk: BulkAction) -> str:
    """How far it is: "Delete 12,000 recipients: 4,000 done"."""
    words = intent(workspace, bulk)
    return f"{words[0].upper()}{words[1:]}: {bulk.done:,} done"


def outcome(workspace: HasId, bulk: BulkAction) -> str:
    """What was done, as far as it was: "unsubscribed 12,000 recipients"."""
    words = _filled(workspace, bulk, _PAST, people(bulk.changed))
    if not bulk.refused:
        return words
    return f"{words}; {bulk.refused:,} had left it of their own will, and stay out of it"


def undone(workspace: HasId, bulk: BulkAction) -> str:
    """What undoing it brought: "undid: unsubscribed 12 recipients; 2 had changed since"."""
    spared = f"; {bulk.spared:,} had changed since and stay as they are" if bulk.spared else ""
    return f"undid: {outcome(workspace, bulk)}{spared}"


def people(number: int) -> str:
    """The number with its noun."""
    return f"{number:,} {'recipient' if number == 1 else 'recipients'}"


def _filled(workspace: HasId, bulk: BulkAction, phrases: dict[Action, str], who: str) -> str:
    order = Order.from_json(bulk.order)
    if order.merging:
        return _merged(workspace, order, who if bulk.changed else "nobody", past=phrases is _PAST)
    return phrases[bulk.action].format(who=who, tag=order.tag, group=_group(workspace, order))


def _merged(workspace: HasId, order: Order, who: str, *, past: bool) -> str:
    number = len(order.sources)
    groups = f"{number:,} {'group' if number == 1 else 'groups'}"
    into = _group(workspace, order)
    return (
        f"merged {groups} into {into}, which added {who}" if past else f"merge {groups} into {into}"
    )


def _group(workspace: HasId, order: Order) -> str:
    if order.group_id is None:
        return ""
    name = db.session.scalar(
        select(Group.name).where(Group.workspace_id == workspace.id, Group.id == order.group_id)
    )
    return f"“{name}”" if name else "that is gone by now"
