"""An order for a bulk action: what is to be done, and on whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Select, select

from campaign_app.lib.arrays import any_id
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId
from campaign_app.models.recipient_bulk import Action
from campaign_app.models.recipients import GroupMember, Recipient
from campaign_app.services import groups, recipient_filter, tags
from campaign_app.services.group_heirs import Heritage, Succession
from campaign_app.services.recipient_filter import EVERYBODY, Filter


@dataclass(frozen=True, slots=True)
class Order:
    """An action on `ids`, on the members of `sources`, or on all who match `chosen`.

    With `merging`, the groups among the sources end in the group that their people have joined.
    """

    action: Action
    ids: tuple[int, ...] = ()
    chosen: Filter = EVERYBODY
    group_id: int | None = None
    tag: str = ""
    reason: str = ""
    sources: tuple[int, ...] = ()
    merging: bool = False
    heritage: Heritage = field(default_factory=dict)
    """Of a merge that is done: what its undo needs to know of campaigns."""

    @property
    def succession(self) -> Succession | None:
        """The merge that this is, if it is one."""
        if not self.merging:
            return None
        return Succession(self.sources, self.group_id or 0, self.heritage)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values, to be kept in a row."""
        return {
            "action": self.action.value,
            "ids": list(self.ids),
            "chosen": self.chosen.as_json(),
            "group_id": self.group_id,
            "tag": self.tag,
            "reason": self.reason,
            "sources": list(self.sources),
            "merging": self.merging,
            "heritage": dict(self.heritage),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Order:
        """Rebuild what `as_json` gave."""
        read = {
            "action": Action(values["action"]),
            "ids": tuple(values["ids"]),
            "sources": tuple(values["sources"]),
            "chosen": Filter.from_json(values["chosen"]),
        }
        return cls(**{**values, **read})


def checked(workspace: HasId, order: Order) -> Order:
    """The order as it can be carried out.

    Raises NotFound for a group that is not the workspace's, Invalid for a missing reason or tag.
    """
    if order.action in (Action.JOIN, Action.LEAVE):
        groups.get(workspace, order.group_id or 0)
    if order.action == Action.RESUBSCRIBE and not order.reason.strip():
        raise Invalid("Say how they asked for your mail again.", field="reason")
    if order.action not in (Action.TAG, Action.UNTAG):
        return order
    named = tags.checked([order.tag])
    if not named:
        raise Invalid("Name a tag.", field="tag")
    return replace(order, tag=named[0])


def meant(workspace: HasId, order: Order) -> Select[int]:
    """The ids of those whom the order means at this moment."""
    mine = select(Recipient.id).where(Recipient.workspace_id == workspace.id)
    if order.ids:
        return mine.where(Recipient.id == any_id(order.ids))
    if order.sources:
        members = select(GroupMember.recipient_id).where(
            GroupMember.workspace_id == workspace.id, GroupMember.group_id == any_id(order.sources)
        )
        return mine.where(Recipient.id.in_(members))
    return recipient_filter.matching(workspace, order.chosen)
