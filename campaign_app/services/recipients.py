"""The people on a workspace's list."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Row, and_, delete, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from campaign_app.extensions import db
from campaign_app.lib import address, clock
from campaign_app.lib.arrays import any_id, rows_of
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.campaigns import Campaign
from campaign_app.models.messages import Message
from campaign_app.models.people import User
from campaign_app.models.recipients import ConsentAction, Recipient, RecipientStatus
from campaign_app.services import attributes, audit, consent, recipient_filter, suppressions
from campaign_app.services.consent import Why

MAX_NAME = 200


class AlreadyThereError(Invalid):
    """The address is on the list; `recipient` is the one who has it."""

    def __init__(self, recipient: Recipient) -> None:
        super().__init__(f"{recipient.email} is on your list already.", field="email")
        self.recipient = recipient


def get(workspace: HasId, recipient_id: int) -> Recipient:
    """The workspace's own recipient. Raises NotFound."""
    return get_owned(workspace, Recipient, recipient_id)


def by_email(workspace: HasId, email: str) -> Recipient | None:
    """Who has the address. Raises Invalid when it is none."""
    return _with_address(workspace, address.normalise(email))


def add(
    workspace: HasId,
    *,
    email: str,
    name: str = "",
    pairs: Sequence[tuple[str, str]] = (),
    source: str = "page",
    user: User,
) -> Recipient:
    """Put somebody on the list, subscribed; `pairs` are their attributes, `source` the door.

    Raises AlreadyThereError, or Invalid, also for an erased person.
    """
    normal = address.normalise(email)
    _refuse_erased(workspace, normal)
    name, checked = plain_name(name), attributes.checked(pairs)
    why = Why(f"Added by {user.name}", source, user)
    ids = ensure(workspace, {normal: name}, why=why)
    if not ids:
        raise AlreadyThereError(_with_address(workspace, normal) or Recipient(email=normal))
    recipient = get(workspace, ids[0])
    recipient.attributes = checked
    summary = f"{user.name} added {normal}"
    audit.record(workspace, "recipient.added", summary, user=user, subject_id=recipient.id)
    return recipient


def ensure(workspace: HasId, people: Mapping[str, str], *, why: Why) -> list[int]:
    """Subscribe those who are not on the list yet, and give their ids; the rest stay as they are.

    `people` maps normalised addresses to names.
    """
    # In one order for everybody, so that two writers never deadlock.
    emails = sorted(people)
    rows = select(
        literal(workspace.id),
        rows_of(emails),
        rows_of([people[email] for email in emails]),
    )
    added = db.session.execute(
        insert(Recipient)
        .from_select(["workspace_id", "email", "name"], rows)
        .on_conflict_do_nothing()
        .returning(Recipient.id, Recipient.email)
    ).all()
    consent.record(workspace, [row.email for row in added], ConsentAction.SUBSCRIBED, why)
    recipient_filter.forget_counts(workspace)
    return [row.id for row in added]


def edit(workspace: HasId, recipient: Recipient, *, email: str, name: str, user: User) -> None:
    """Change name or address; the status moves along. Raises AlreadyThereError, or Invalid, also
    for the address of an erased person.

    The former address of somebody who is not mailed is suppressed: an old file must not bring it
    back.
    """
    normal, name = address.normalise(email), plain_name(name)
    former, recipient.name, recipient.updated_at = recipient.email, name, clock.now()
    if normal == former:
        return
    _refuse_erased(workspace, normal)
    try:
        with db.session.begin_nested():
            recipient.email = normal
            db.session.flush()
    except IntegrityError:
        db.session.refresh(recipient)
        other = _with_address(workspace, normal)
        raise AlreadyThereError(other or recipient) from None
    why = Why(f"The address was {former} before", "page", user)
    consent.record(workspace, [normal], ConsentAction(recipient.status.value), why)
    _suppress(workspace, [former], recipient.status, f"before the address became {normal}")


def save_attributes(recipient: Recipient, pairs: Sequence[tuple[str, str]]) -> None:
    """Replace what else is known about somebody. Raises Invalid, with field "attributes"."""
    recipient.attributes = attributes.checked(pairs)
    recipient.updated_at = clock.now()


def delete_one(workspace: HasId, recipient: Recipient, *, user: User) -> None:
    """Take somebody off the list; what they were sent still counts."""
    summary = f"{user.name} deleted {recipient.email}"
    audit.record(workspace, "recipient.deleted", summary, user=user, subject_id=recipient.id)
    delete_all(workspace, [recipient.id])


def delete_all(workspace: HasId, ids: Collection[int]) -> int:
    """Delete many; gives how many there were.

    Whoever was not subscribed is suppressed: the next upload of an old file must not bring them
    back.
    """
    gone = db.session.execute(
        delete(Recipient)
        .where(Recipient.workspace_id == workspace.id, Recipient.id == any_id(ids))
        .returning(Recipient.email, Recipient.status)
    ).all()
    for status in RecipientStatus:
        emails = [row.email for row in gone if row.status == status]
        _suppress(workspace, emails, status, "before being deleted")
    recipient_filter.forget_counts(workspace)
    return len(gone)


_PAST = {
    RecipientStatus.UNSUBSCRIBED: "unsubscribed",
    RecipientStatus.BOUNCED: "bounced",
    RecipientStatus.COMPLAINED: "complained",
}


def _suppress(workspace: HasId, emails: Sequence[str], status: RecipientStatus, when: str) -> None:
    """Keep off the list whom nobody may mail and whose row no longer says so."""
    if emails and status != RecipientStatus.SUBSCRIBED:
        reason = f"Had {_PAST[status]} {when}"
        suppressions.put(workspace, emails, reason=reason, source="deleted")


def received(
    workspace: HasId, recipient: Recipient, *, limit: int = 25
) -> Sequence[Row[Campaign, Message]]:
    """The latest campaigns somebody was part of, each with their message.

    Not what a planner left of a campaign that is still to be planned: see sending.message_halves.
    """
    return db.session.execute(
        select(Campaign, Message)
        .join(
            Message,
            and_(
                Message.workspace_id == workspace.id,
                Message.campaign_id == Campaign.id,
                Message.recipient_id == recipient.id,
            ),
        )
        .where(Campaign.workspace_id == workspace.id, Campaign.planned_at.is_not(None))
        .order_by(Campaign.id.desc())
        .limit(limit)
    ).all()


def _with_address(workspace: HasId, normal: str) -> Recipient | None:
    return db.session.scalars(
        owned_by(workspace, Recipient).where(Recipient.email == normal)
    ).one_or_none()


def _refuse_erased(workspace: HasId, normal: str) -> None:
    if suppressions.erased(workspace, [normal]):
        raise Invalid(suppressions.ERASED, field="email")


def plain_name(name: str) -> str:
    """The name without idle spaces. Raises Invalid, with field "name", for one that is too long."""
    plain = " ".join(name.split())
    if len(plain) > MAX_NAME:
        raise Invalid(f"A name can have {MAX_NAME} characters.", field="name")
    return plain
