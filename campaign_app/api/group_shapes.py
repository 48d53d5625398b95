"""A group in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from campaign_app.api.shapes import Body, Emails, ErasedEmails, Moment, Out, Text
from campaign_app.lib.tenancy import HasId
from campaign_app.models.recipients import Group
from campaign_app.services import group_filling, tallies
from campaign_app.services.group_filling import AT_ONCE, Filled
from campaign_app.services.groups import MAX_NAME


class NewGroup(Body):
    """A group."""

    name: Text = Field(
        min_length=1,
        max_length=MAX_NAME,
        description="Unique in the workspace.",
        examples=["Newsletter"],
    )


class GroupChanges(Body):
    """What is to be changed."""

    name: Text = Field(
        "",
        min_length=1,
        max_length=MAX_NAME,
        description="Unique in the workspace.",
        examples=["Newsletter"],
    )


class GroupMembers(Body):
    """Who comes into a group, and who leaves it."""

    recipient_emails: Emails = Field(
        [],
        description="Who is added, whatever their number, besides those who are in it. An unknown"
        f" address joins your list, subscribed. More than {AT_ONCE:,} are added in the background:"
        " `filling` is true until all are in.",
    )
    remove_emails: Emails = Field(
        [],
        description="Who is taken out; they stay on your list. Whoever is not in it does not"
        " matter. Refused (409) while the group is being filled.",
        examples=[[]],
    )


class GroupOut(Out):
    """A group and its size."""

    id: int
    name: str = Field(examples=["Newsletter"])
    recipient_count: int
    filling: bool = Field(description="Whether addresses are still being added to it.")
    created_at: Moment

    @classmethod
    def of(cls, workspace: HasId, group: Group) -> GroupOut:
        """The group as it is now."""
        return cls.all_of(workspace, [group])[0]

    @classmethod
    def all_of(cls, workspace: HasId, found: Sequence[Group]) -> list[GroupOut]:
        """Several at once, for two questions to the database."""
        return [cls(**values) for values in cls._values(workspace, found)]

    @staticmethod
    def _values(workspace: HasId, found: Sequence[Group]) -> list[dict[str, Any]]:
        ids = [group.id for group in found]
        sizes = tallies.of_groups(workspace, ids)
        filling = group_filling.filling(workspace, ids)
        return [
            {
                "id": group.id,
                "name": group.name,
                "recipient_count": sizes.get(group.id, 0),
                "filling": group.id in filling,
                "created_at": group.created_at,
            }
            for group in found
        ]


class ChangedMembers(GroupOut):
    """A group whose members were changed, and how many moved."""

    added: int | None = Field(
        description="Who was not in it before, and is now. Null while they are still being added.",
        examples=[2],
    )
    refused: int | None = Field(
        description="Who left it by their own preferences: nobody can put them back. Null while"
        " people are still being added.",
        examples=[0],
    )
    removed: int = Field(description="Who was in it before, and is no more.", examples=[0])
    erased: ErasedEmails

    @classmethod
    def after(
        cls, workspace: HasId, group: Group, *, filled: Filled, removed: int
    ) -> ChangedMembers:
        """The group as it is now."""
        [values] = cls._values(workspace, [group])
        return cls(
            **values,
            added=filled.joined.number if filled.joined else None,
            refused=filled.joined.refused if filled.joined else None,
            removed=removed,
            erased=list(filled.erased),
        )
