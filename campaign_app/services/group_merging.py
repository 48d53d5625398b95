"""Groups made of groups: a copy, or one that takes the place of several.

Both are bulk actions: at once when they are short, else in the background, and they can be undone.
"""

from __future__ import annotations

from collections.abc import Collection

from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId
from campaign_app.models.people import User
from campaign_app.models.recipient_bulk import Action, BulkAction
from campaign_app.models.recipients import Group
from campaign_app.services import group_heirs, groups, recipient_bulk, tallies
from campaign_app.services.bulk_orders import Order
from campaign_app.services.group_heirs import Succession


def copy(
    workspace: HasId, group: Group, *, name: str, user: User
) -> tuple[Group, BulkAction | None, bool]:
    """A new group with the same members: the group, its filling, and whether that is short.

    An empty one needs no filling. Raises Invalid when the name is missing or taken.
    """
    made = groups.create(workspace, name=name, user=user)
    if not tallies.of_group(workspace, group.id):
        return made, None, True
    order = Order(Action.JOIN, sources=(group.id,), group_id=made.id)
    bulk, short = recipient_bulk.ask(workspace, order, user=user)
    return made, bulk, short


def merge(
    workspace: HasId, ids: Collection[int], *, into: Group, user: User
) -> tuple[BulkAction, bool]:
    """Let everybody of these groups join one of them (or another), which takes their place.

    Empty ones, too. Campaigns that are not planned yet follow. Raises Invalid when there is nothing
    to merge, and Conflict when one of them goes to a part of the groups and leaves another out: it
    cannot do both then.
    """
    sources = tuple(group.id for group in groups.chosen(workspace, ids) if group.id != into.id)
    if not sources:
        raise Invalid("Choose at least two groups to merge.")
    group_heirs.insist(workspace, Succession(sources, into.id))
    order = Order(Action.JOIN, sources=sources, group_id=into.id, merging=True)
    return recipient_bulk.ask(workspace, order, user=user)
