"""The only place where a recipient's status changes; each change leaves a ConsentEvent.

Every function may be repeated: what has already happened is not written down twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB

from campaign_app.extensions import db
from campaign_app.lib import address, clock
from campaign_app.lib.arrays import any_id, rows_of
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.people import User
from campaign_app.models.recipients import (
    ConsentAction,
    ConsentEvent,
    Recipient,
    RecipientStatus,
)
from campaign_app.services import suppressions

COMPLAINT = (
    "has marked your mail as spam. Mailing them again would harm your reputation as a sender, so"
    " they can only come back by signing up themselves."
)


@dataclass(frozen=True, slots=True)
class Move:
    """A change of status, and the statuses that it may start from."""

    to: RecipientStatus
    start: tuple[RecipientStatus, ...]


UNSUBSCRIBE = Move(
    RecipientStatus.UNSUBSCRIBED, (RecipientStatus.SUBSCRIBED, RecipientStatus.BOUNCED)
)
RESUBSCRIBE = Move(
    RecipientStatus.SUBSCRIBED, (RecipientStatus.UNSUBSCRIBED, RecipientStatus.BOUNCED)
)
COME_BACK = Move(
    RecipientStatus.SUBSCRIBED, tuple(set(RecipientStatus) - {RecipientStatus.SUBSCRIBED})
)
BOUNCE = Move(RecipientStatus.BOUNCED, (RecipientStatus.SUBSCRIBED,))


@dataclass(frozen=True, slots=True)
class Why:
    """The reason in words, the door (page, import, api, link, one-click, form, smtp), by whom."""

    reason: str
    source: str
    user: User | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Of a sign-up: its form, the form's version, the address it came from."""


def unsubscribe(
    workspace: HasId, recipient: Recipient, *, reason: str, source: str, user: User | None = None
) -> bool:
    """Stop mailing somebody; False when they were unsubscribed (or had complained) before."""
    moved = _move(workspace, Recipient.id == recipient.id, UNSUBSCRIBE, Why(reason, source, user))
    return bool(moved)


def unsubscribe_all(
    workspace: HasId,
    ids: Collection[int],
    *,
    reason: str,
    source: str,
    user: User | None = None,
) -> int:
    """`unsubscribe` for many recipients at once; gives how many it changed."""
    return len(
        _move(workspace, Recipient.id == any_id(ids), UNSUBSCRIBE, Why(reason, source, user))
    )


def opt_out(
    workspace: HasId, email: str, *, reason: str, source: str, recipient_id: int = 0
) -> bool:
    """Stop mailing an address, on the list or not: a stranger's is suppressed.

    `recipient_id` is who was mailed there: they mean themselves, whatever their address is today.
    False when it had opted out before. Raises Invalid when it is no address.
    """
    normal = address.normalise(email)
    known = db.session.scalars(
        owned_by(workspace, Recipient).where(
            or_(Recipient.email == normal, Recipient.id == recipient_id)
        )
    ).all()
    moved = [unsubscribe(workspace, one, reason=reason, source=source) for one in known]
    for one, did in zip(known, moved, strict=True):
        if not did:
            _confirm(workspace, one.email, Why(reason, source))
    if any(one.email == normal for one in known):
        return any(moved)
    if suppressions.put(workspace, [normal], reason=reason or "Unsubscribed", source=source):
        record(workspace, [normal], ConsentAction.UNSUBSCRIBED, Why(reason, source))
        return True
    return any(moved)


def resubscribe(
    workspace: HasId, recipient: Recipient, *, reason: str, source: str, user: User | None = None
) -> bool:
    """Mail somebody again who asked for it; False when they were subscribed all along.

    The history stays, and so does a suppression, unless a bounce was its cause. Raises Invalid
    without a reason, Conflict for somebody who complained.
    """
    why = Why(stated(reason), source, user)
    moved = _move(workspace, Recipient.id == recipient.id, RESUBSCRIBE, why)
    suppressions.lift_bounces(workspace, moved)
    if not moved and recipient.status == RecipientStatus.COMPLAINED:
        raise Conflict(f"{recipient.email} {COMPLAINT}")
    return bool(moved)


def resubscribe_all(
    workspace: HasId,
    ids: Collection[int],
    *,
    reason: str,
    source: str,
    user: User | None = None,
) -> int:
    """`resubscribe` for many at once, passing over those who complained; gives how many changed."""
    why = Why(stated(reason), source, user)
    moved = _move(workspace, Recipient.id == any_id(ids), RESUBSCRIBE, why)
    suppressions.lift_bounces(workspace, moved)
    return len(moved)


def bounce(workspace: HasId, email: str, *, reason: str) -> bool:
    """A mailbox does not exist (hard bounce): mark it and suppress the address."""
    why = Why(reason, suppressions.BOUNCE)
    moved = _move(workspace, Recipient.email == email, BOUNCE, why)
    suppressed = suppressions.put(workspace, [email], reason=why.reason, source=why.source)
    if suppressed and not moved:
        record(workspace, [email], ConsentAction.BOUNCED, why)
    return bool(moved or suppressed)


def come_back(workspace: HasId, recipient: Recipient, why: Why) -> bool:
    """Mail somebody again who confirmed by their own mailbox that they want it.

    The one way that is open to everybody, whatever was before. False when they were subscribed.
    """
    return bool(_move(workspace, Recipient.id == recipient.id, COME_BACK, why))


def record(
    workspace: HasId,
    emails: Collection[str],
    action: ConsentAction,
    why: Why,
    *,
    at: datetime | None = None,
) -> None:
    """Append to the history of each address, on the list or not; now unless it was `at` a time."""
    values = {
        "workspace_id": literal(workspace.id),
        "action": literal(action, ConsentEvent.action.type),
        "reason": literal(why.reason),
        "source": literal(why.source),
        "user_id": literal(why.user.id if why.user else None, BigInteger),
        "evidence": literal(dict(why.evidence), JSONB),
        "created_at": literal(at or clock.now()),
        "email": rows_of(emails),
    }
    db.session.execute(
        insert(ConsentEvent).from_select(list(values), select(*values.values())),
    )


def history(workspace: HasId, email: str, *, limit: int = 50) -> Sequence[tuple[ConsentEvent, str]]:
    """What became of an address's consent, newest first, each with its user's name or ""."""
    rows = db.session.execute(
        select(ConsentEvent, User.name)
        .outerjoin(User, User.id == ConsentEvent.user_id)
        .where(ConsentEvent.workspace_id == workspace.id, ConsentEvent.email == email)
        .order_by(ConsentEvent.id.desc())
        .limit(limit)
    )
    return [(event, name or "") for event, name in rows]


def _confirm(workspace: HasId, email: str, why: Why) -> None:
    """Write down that a person opts out whom others had taken off: no undo brings them back."""
    latest = history(workspace, email, limit=1)
    if not latest or latest[0][0].source != why.source:
        record(workspace, [email], ConsentAction.UNSUBSCRIBED, why)


def _move(workspace: HasId, chosen: ColumnElement[bool], move: Move, why: Why) -> Sequence[str]:
    """Change the status of those chosen who may, and write it down; gives their addresses."""
    now = clock.now()
    moved = db.session.scalars(
        update(Recipient)
        .where(Recipient.workspace_id == workspace.id, chosen, Recipient.status.in_(move.start))
        .values(status=move.to, status_at=now, status_reason=why.reason, updated_at=now)
        .returning(Recipient.email)
    ).all()
    record(workspace, moved, ConsentAction(move.to.value), why)
    return moved


def stated(reason: str) -> str:
    """How somebody asked for mail again. Raises Invalid, with field "reason", for nothing."""
    if not reason.strip():
        raise Invalid(
            "Say how they asked for your mail again, for example “signed up at the fair, 3 May”.",
            field="reason",
        )
    return reason.strip()
