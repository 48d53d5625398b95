"""What somebody chose behind the unsubscribe link: which of the offered groups they want."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.arrays import any_id
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.people import User
from campaign_app.models.recipients import (
    ConsentAction,
    Group,
    GroupMember,
    GroupRefusal,
    Recipient,
    RecipientStatus,
)
from campaign_app.services import audit, consent
from campaign_app.services.consent import Why

MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Offer:
    """A group that people may choose, and whether this one is in it."""

    group_id: int
    name: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    """A person on the list and what is offered to them."""

    recipient: Recipient
    offers: Sequence[Offer]

    @property
    def is_subscribed(self) -> bool:
        """Whether they get anything at all."""
        return self.recipient.status == RecipientStatus.SUBSCRIBED


def publish(workspace: HasId, group: Group, *, public: bool, name: str, user: User) -> None:
    """Offer a group to its readers under a name of its own, or offer it no longer."""
    plain = " ".join(name.split())
    if len(plain) > MAX_NAME:
        raise Invalid(f"A name can have {MAX_NAME} characters.", field="public_name")
    if public != group.public:
        does = "offers the group to its readers" if public else "no longer offers the group"
        summary = f"{user.name} {does}: “{group.name}”"
        audit.record(workspace, "group.published", summary, user=user, subject_id=group.id)
    group.public, group.public_name = public, plain


def of(workspace: HasId, email: str, *, recipient_id: int) -> Preferences | None:
    """What is offered to whoever was mailed; None when they are on the list no more."""
    recipient = db.session.scalars(
        owned_by(workspace, Recipient)
        .where((Recipient.id == recipient_id) | (Recipient.email == email))
        .order_by((Recipient.id == recipient_id).desc())
        .limit(1)
    ).one_or_none()
    return Preferences(recipient, _offers(workspace, recipient)) if recipient else None


def choose(workspace: HasId, known: Preferences, wanted: Collection[int]) -> bool:
    """Put them into the offered groups they want, and out of the others for good.

    Wanting none of them is opting out of everything. Whoever has opted out stays so: their way back
    is a sign-up form, which proves that it is them. True when this opted them out.
    """
    if not known.is_subscribed:
        return False
    if not any(offer.group_id in wanted for offer in known.offers):
        reason = "Chose none of the offered lists"
        return consent.unsubscribe(workspace, known.recipient, reason=reason, source="preferences")
    joined = [one for one in known.offers if one.group_id in wanted and not one.chosen]
    left = [one for one in known.offers if one.group_id not in wanted and one.chosen]
    _leave(workspace, known.recipient, [one.group_id for one in left])
    _join(workspace, known.recipient, [one.group_id for one in joined])
    said = [f"joined “{one.name}”" for one in joined] + [f"left “{one.name}”" for one in left]
    if said:
        words = "; ".join(said)
        why = Why(words[0].upper() + words[1:], "preferences")
        consent.record(workspace, [known.recipient.email], ConsentAction.PREFERENCES, why)
    return False


def _offers(workspace: HasId, recipient: Recipient) -> list[Offer]:
    name = func.coalesce(func.nullif(Group.public_name, ""), Group.name)
    is_member = (
        select(GroupMember.group_id)
        .where(
            GroupMember.workspace_id == workspace.id,
            GroupMember.group_id == Group.id,
            GroupMember.recipient_id == recipient.id,
        )
        .exists()
    )
    rows = db.session.execute(
        select(Group.id, name, is_member)
        .where(Group.workspace_id == workspace.id, Group.public, ~Group.hidden)
        .order_by(func.lower(name))
    )
    return [Offer(*row) for row in rows]


def _leave(workspace: HasId, recipient: Recipient, ids: Collection[int]) -> None:
    db.session.execute(
        delete(GroupMember).where(
            GroupMember.workspace_id == workspace.id,
            GroupMember.group_id == any_id(ids),
            GroupMember.recipient_id == recipient.id,
        )
    )
    rows = _rows(workspace, recipient, ids)
    if rows:  # an upload of an old file must not put them back
        db.session.execute(insert(GroupRefusal).values(rows).on_conflict_do_nothing())


def _join(workspace: HasId, recipient: Recipient, ids: Collection[int]) -> None:
    db.session.execute(
        delete(GroupRefusal).where(
            GroupRefusal.workspace_id == workspace.id,
            GroupRefusal.group_id == any_id(ids),
            GroupRefusal.recipient_id == recipient.id,
        )
    )
    rows = _rows(workspace, recipient, ids)
    if rows:
        db.session.execute(insert(GroupMember).values(rows).on_conflict_do_nothing())
    recipient.updated_at = clock.now()


def _rows(workspace: HasId, recipient: Recipient, ids: Collection[int]) -> list[dict[str, int]]:
    whose = {"workspace_id": workspace.id, "recipient_id": recipient.id}
    return [{**whose, "group_id": group_id} for group_id in sorted(ids)]
