"""What is known of recipients as a program gives it: one of them, or a thousand at once.

Nobody's permission is touched here: who has opted out stays out, whatever a program knows of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import InvalidRequestError

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import InvalidEntries, NotFound
from campaign_app.lib.tenancy import HasId
from campaign_app.models.people import User
from campaign_app.models.recipients import Recipient
from campaign_app.services import attributes, group_joining, groups, recipients, tags

Attributes = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Details:
    """What is given; None leaves as it is what is known already."""

    name: str | None = None
    attributes: Attributes | None = None
    """By key; a value of None, or an empty one, forgets what is known. Other keys stay."""
    tags: Sequence[str] | None = None
    group_ids: Sequence[int] | None = None


def add(workspace: HasId, *, email: str, details: Details, user: User) -> Recipient:
    """Put somebody on the list, subscribed. Raises AlreadyThereError, or Invalid."""
    _own_groups(workspace, details.group_ids or ())
    recipient = recipients.add(
        workspace, email=email, name=details.name or "", user=user, source="api"
    )
    recipient.attributes = merged({}, details.attributes or {})
    recipient.tags = tags.checked(details.tags or ())
    groups.assign(workspace, recipient, details.group_ids or ())
    return recipient


def change(workspace: HasId, recipient: Recipient, details: Details) -> None:
    """Change what is given; tags and groups take the place of the former ones. Raises Invalid."""
    _own_groups(workspace, details.group_ids or ())
    _hold(recipient)  # two changes at once must both be kept
    if details.name is not None:
        recipient.name = recipients.plain_name(details.name)
    if details.attributes is not None:
        recipient.attributes = merged(recipient.attributes, details.attributes)
    if details.tags is not None:
        recipient.tags = tags.checked(details.tags)
    if details.group_ids is not None:
        groups.assign(workspace, recipient, details.group_ids)
    recipient.updated_at = clock.now()


def merged(known: Mapping[str, str], given: Attributes) -> dict[str, str]:
    """Attributes with those that are given. Raises Invalid, with field "attributes"."""
    plain = {key.strip(): (value or "").strip() for key, value in given.items()}
    attributes.checked(plain.items())  # a wrong key is an error, also where it would be forgotten
    every = {**known, **plain}
    return attributes.checked((key, value) for key, value in every.items() if value)


def _hold(recipient: Recipient) -> None:
    """Read the row again and hold it until the commit. Raises NotFound when it is gone."""
    try:
        db.session.refresh(recipient, with_for_update=True)
    except InvalidRequestError:
        raise NotFound from None


def _own_groups(workspace: HasId, ids: Collection[int]) -> None:
    group_joining.hold(workspace, ids)
    own = {group.id for group in groups.chosen(workspace, ids)} if ids else set()
    strange = {place: unknown(one) for place, one in enumerate(ids) if one not in own}
    if strange:
        raise InvalidEntries(strange, field="group_ids")


def unknown(group_id: int) -> str:
    """What is said of a group that is not the workspace's."""
    return f"There is no group {group_id} in this workspace."
