"""Named sets of recipients, for the `group_ids` of campaigns."""

from __future__ import annotations

from flask import g

from campaign_app.api.group_shapes import (
    ChangedMembers,
    GroupChanges,
    GroupMembers,
    GroupOut,
    NewGroup,
)
from campaign_app.api.recipient_shapes import GroupFilter, RecipientOut
from campaign_app.api.routes import Routes, after_commit
from campaign_app.api.shapes import Listing, Paging, listing
from campaign_app.models.recipients import Group
from campaign_app.services import direct_recipients, group_addresses, groups, recipient_walk
from campaign_app.tasks import jobs

routes = Routes("groups", load=groups.get)


@routes.get()
def index(query: Paging) -> Listing[GroupOut]:
    """List the groups, the oldest first."""
    found = groups.page(g.workspace, after=query.after, size=query.limit + 1)
    return listing(GroupOut.all_of(g.workspace, found), query)


@routes.post(status=201, idempotent=True)
def create(body: NewGroup) -> GroupOut:
    """Make an empty group."""
    return GroupOut.of(g.workspace, groups.create(g.workspace, name=body.name, user=g.user))


@routes.get("/<int:group_id>")
def show(group: Group) -> GroupOut:
    """Show a group."""
    return GroupOut.of(g.workspace, group)


@routes.patch("/<int:group_id>")
def change(group: Group, body: GroupChanges) -> GroupOut:
    """Rename a group."""
    if "name" in body.model_fields_set:
        groups.rename(g.workspace, group, name=body.name, user=g.user)
    return GroupOut.of(g.workspace, group)


@routes.delete("/<int:group_id>", conflicts=True)
def delete(group: Group) -> None:
    """Delete a group.

    Its recipients stay on your list, and campaigns that have started lose nobody. Refused (409)
    while a campaign is still to leave its people out.
    """
    groups.delete_one(g.workspace, group, user=g.user)


@routes.get("/<int:group_id>/recipients")
def members(group: Group, query: GroupFilter) -> Listing[RecipientOut]:
    """List who is in it, the oldest first."""
    found = recipient_walk.after(
        g.workspace, query.chosen(group.id), place=query.after, size=query.limit + 1
    )
    return listing(RecipientOut.all_of(g.workspace, found), query)


@routes.patch("/<int:group_id>/recipients", conflicts=True)
def change_members(group: Group, body: GroupMembers) -> ChangedMembers:
    """Add recipients to a group, or take some out.

    It answers at once, however many there are. One wrong address refuses them all, and is named.
    Who has opted out may be in a group, and is not mailed; who left this group by their own
    preferences stays out of it, and who was erased stays off your list.
    """
    added = direct_recipients.checked(body.recipient_emails)
    removed = direct_recipients.checked(body.remove_emails, field="remove_emails")
    number = group_addresses.remove(g.workspace, group, removed)
    filled = group_addresses.add(g.workspace, group, added, user=g.user)
    if filled.joined is None:
        after_commit(jobs.ring_filling, group.id)
    return ChangedMembers.after(g.workspace, group, filled=filled, removed=number)
