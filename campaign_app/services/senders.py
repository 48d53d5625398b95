"""A workspace's SMTP accounts: made, changed, deleted, resumed, and what they have sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.exc import IntegrityError

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.secrets import Vault
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.campaigns import LIVE, Campaign, CampaignStatus
from campaign_app.models.messages import Batch, BatchState
from campaign_app.models.people import User
from campaign_app.models.senders import Sender, SenderSlot, SenderState, SenderUsage
from campaign_app.models.signups import SignupForm
from campaign_app.services import audit, pace, sender_details
from campaign_app.services.sender_details import SenderDetails
from campaign_app.services.uniqueness import claimed

IN_USE = (*LIVE, CampaignStatus.SCHEDULED)
"""Campaigns that would stop without their sender."""
TAKEN = "There is already a sender called “{}”."
SERVER = ("host", "port", "security", "username")
"""What the connection is made of: changing it gives a stopped sender another try."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a sender has handed over lately; the spans slide, as its caps do."""

    minute: int
    hour: int
    day: int


def get(workspace: HasId, sender_id: int) -> Sender:
    """The workspace's sender. Raises NotFound."""
    return get_owned(workspace, Sender, sender_id)


def every(workspace: HasId) -> Sequence[Sender]:
    """The workspace's senders by name: there are few, so there are no pages."""
    return db.session.scalars(owned_by(workspace, Sender).order_by(Sender.name)).all()


def page(workspace: HasId, *, after: int = 0, size: int = 100) -> Sequence[Sender]:
    """The senders in the order they were made, those after an id."""
    return db.session.scalars(
        owned_by(workspace, Sender).where(Sender.id > after).order_by(Sender.id).limit(size)
    ).all()


def campaign_counts(workspace: HasId) -> dict[int, int]:
    """How many campaigns use each sender, by its id."""
    rows = db.session.execute(
        select(Campaign.sender_id, func.count())
        .where(Campaign.workspace_id == workspace.id, Campaign.sender_id.is_not(None))
        .group_by(Campaign.sender_id)
    )
    return {sender_id: count for sender_id, count in rows if sender_id is not None}


def create(
    workspace: HasId, details: SenderDetails, *, user: User, vault: Vault, allow_private: bool
) -> Sender:
    """A new sender. Raises Invalid with the field; `sender_details.check_host` comes before."""
    clean = sender_details.check(details, allow_private=allow_private)
    if clean.username and not clean.password:
        raise Invalid("Enter the password of this account.", field="password")
    sender = Sender(workspace_id=workspace.id)
    with claimed(TAKEN.format(clean.name)):
        _fill(sender, clean, vault=vault)
        db.session.add(sender)
    summary = f"{user.name} added the sender “{sender.name}”"
    audit.record(workspace, "sender.created", summary, user=user, subject_id=sender.id)
    return sender


def update(
    workspace: HasId,
    sender: Sender,
    details: SenderDetails,
    *,
    user: User,
    vault: Vault,
    allow_private: bool,
) -> None:
    """Change a sender; an empty password keeps the stored one. Raises Invalid with the field."""
    clean = sender_details.check(details, allow_private=allow_private)
    _check_kept_password(sender, clean)
    changed = clean.password or any(getattr(sender, x) != getattr(clean, x) for x in SERVER)
    was = pace.of_sender(sender)
    with claimed(TAKEN.format(clean.name)):
        _fill(sender, clean, vault=vault)
    if changed:  # another server has limits of its own
        sender.brake_rate = sender.brake_raised_at = None
    if changed and sender.state != SenderState.ACTIVE:
        _activate(sender)
    pace.follow_sender(workspace, sender, was=was)
    pace.release_sender(workspace, sender)
    summary = f"{user.name} changed the sender “{sender.name}”"
    audit.record(workspace, "sender.updated", summary, user=user, subject_id=sender.id)


def delete(workspace: HasId, sender: Sender, *, user: User) -> None:
    """Delete a sender; drafts and finished campaigns lose it, live ones keep it.

    Raises Conflict while a running, paused or scheduled campaign uses it, or a last connection of
    it is still open.
    """
    name, sender_id = sender.name, sender.id
    if _has_open_connection(sender_id):
        raise Conflict(f"“{name}” is just handing over e-mails. Try again in a minute.")
    _detach(workspace, sender_id)
    gone = sql_delete(Sender).where(Sender.workspace_id == workspace.id, Sender.id == sender_id)
    try:
        with db.session.begin_nested():  # the foreign key decides, also against a start just now
            db.session.execute(gone)
    except IntegrityError as error:
        raise Conflict(
            f"A campaign that is sending, paused or scheduled uses “{name}”."
            " Finish or cancel it first, or give it another sender."
        ) from error
    summary = f"{user.name} deleted the sender “{name}”"
    audit.record(workspace, "sender.deleted", summary, user=user, subject_id=sender_id)


def resume(workspace: HasId, sender: Sender, *, user: User) -> None:
    """Let a cooling or stopped sender try again now. Raises Conflict when it is active."""
    if sender.state == SenderState.ACTIVE:
        raise Conflict("This sender is already active.")
    _activate(sender)
    summary = f"{user.name} resumed the sender “{sender.name}”"
    audit.record(workspace, "sender.resumed", summary, user=user, subject_id=sender.id)


def lift_brake(workspace: HasId, sender: Sender, *, user: User) -> None:
    """Let a sender that slowed down by itself go at its full pace. Raises Conflict if it does."""
    if sender.brake_rate is None:
        raise Conflict("This sender already goes at its full pace.")
    was = pace.of_sender(sender)
    sender.brake_rate, sender.brake_raised_at, sender.brake_reason = None, None, ""
    pace.follow_sender(workspace, sender, was=was)
    pace.release_sender(workspace, sender)
    summary = f"{user.name} let the sender “{sender.name}” go at its full pace again"
    audit.record(workspace, "sender.unbraked", summary, user=user, subject_id=sender.id)


def campaigns_using(workspace: HasId, sender: Sender, *, limit: int = 10) -> Sequence[Campaign]:
    """The newest campaigns with this sender."""
    return db.session.scalars(
        owned_by(workspace, Campaign)
        .where(Campaign.sender_id == sender.id)
        .order_by(Campaign.id.desc())
        .limit(limit)
    ).all()


def usage(sender: Sender) -> Usage:
    """What counts against the sender's caps; nothing is counted for a sender without caps."""
    minute = clock.now().replace(second=0, microsecond=0)
    spans = (timedelta(), timedelta(hours=1), timedelta(days=1))
    sums = [
        func.coalesce(
            func.sum(SenderUsage.handed_over).filter(SenderUsage.minute >= minute - span), 0
        )
        for span in spans
    ]
    row = db.session.execute(select(*sums).where(SenderUsage.sender_id == sender.id)).one()
    return Usage(*(int(count) for count in row))


def sent_lately(workspace: HasId, sender: Sender) -> int:
    """E-mails that servers took from this sender in the last 24 hours, about."""
    since = clock.now() - timedelta(days=1)
    total = db.session.scalar(
        select(func.coalesce(func.sum(Batch.sent), 0)).where(
            Batch.workspace_id == workspace.id,
            Batch.sender_id == sender.id,
            or_(Batch.finished_at > since, Batch.state != BatchState.DONE),
        )
    )
    return int(total or 0)


def _detach(workspace: HasId, sender_id: int) -> None:
    """Take the sender from every form, and from campaigns that do not need it now."""
    db.session.execute(
        sql_update(SignupForm)
        .where(SignupForm.workspace_id == workspace.id, SignupForm.sender_id == sender_id)
        .values(sender_id=None)
    )
    db.session.execute(
        sql_update(Campaign)
        .where(
            Campaign.workspace_id == workspace.id,
            Campaign.sender_id == sender_id,
            Campaign.status.not_in(IN_USE),
        )
        .values(sender_id=None)
    )


def _fill(sender: Sender, details: SenderDetails, *, vault: Vault) -> None:
    values = asdict(details)
    password = values.pop("password")
    for name, value in values.items():
        setattr(sender, name, value)
    if password:
        sender.password_encrypted = vault.encrypt(password)
    elif not details.username:
        sender.password_encrypted = ""


def _check_kept_password(sender: Sender, details: SenderDetails) -> None:
    """A stored password goes to the server it was entered for, and to no other.

    Or whoever may edit a sender could send its password, which nobody may read, to themselves.
    """
    if details.password or not details.username:
        return
    if not sender.password_encrypted:
        raise Invalid("Enter the password of this account.", field="password")
    if (details.host, details.username) != (sender.host, sender.username):
        raise Invalid("The server or the user is another: enter its password.", field="password")


def _activate(sender: Sender) -> None:
    sender.state = SenderState.ACTIVE
    sender.cooling_until, sender.cooling_tier, sender.state_reason = None, 0, ""


def _has_open_connection(sender_id: int) -> bool:
    return bool(
        db.session.scalar(
            select(func.count()).where(
                SenderSlot.sender_id == sender_id,
                SenderSlot.slot >= 0,  # below lie rights that are no connections
                SenderSlot.lease_until > func.now(),
            )
        )
    )
