"""Named sets of recipients, for the `group_ids` of campaigns."""

from __future__ import annotations

from flask import g
from pydantic import Field

from campaign_app.api.routes import Routes
from campaign_app.api.shapes import Body, Listing, Out, Paging, Text, listing
from campaign_app.models.recipients import Group
from campaign_app.services import groups

routes = Routes("groups")


class NewGroup(Body):
    """A group."""

    name: Text = Field(min_length=1, max_length=groups.MAX_NAME)


class GroupOut(Out):
    """A group and its size."""

    id: int
    name: str
    recipient_count: int

    @classmethod
    def of(cls, group: Group, size: int) -> GroupOut:
        """The group with so many in it."""
        return cls(id=group.id, name=group.name, recipient_count=size)


@routes.get()
def index(query: Paging) -> Listing[GroupOut]:
    """List the groups, the oldest first."""
    found = groups.page(g.workspace, after=query.after, size=query.limit + 1)
    sizes = groups.sizes(g.workspace)
    return listing([GroupOut.of(group, sizes.get(group.id, 0)) for group in found], query)


@routes.post(status=201)
def create(body: NewGroup) -> GroupOut:
    """Make an empty group."""
    group = groups.create(g.workspace, name=body.name, user=g.user)
    return GroupOut.of(group, 0)
