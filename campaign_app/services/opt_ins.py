"""Somebody asks for mail: the way back for who has opted out, other than the person's own form."""

from __future__ import annotations

from sqlalchemy import and_, or_, select

from campaign_app.extensions import db
from campaign_app.lib import address
from campaign_app.lib.errors import Conflict, NotFound
from campaign_app.lib.tenancy import HasId
from campaign_app.models.people import User
from campaign_app.models.recipients import (
    ConsentAction,
    ConsentEvent,
    Recipient,
    RecipientStatus,
    Suppression,
)
from campaign_app.services import consent, recipients, suppressions
from campaign_app.services.consent import COMPLAINT, Why

OWN_WISH = frozenset({"link", "one-click", "preferences", "api", "deleted", suppressions.BOUNCE})
"""Sources of suppressions that a new wish outweighs; what a colleague put there by hand stays."""

FORM = "form"
"""The door of a sign-up that was confirmed by the address itself."""


def opt_in(
    workspace: HasId, email: str, *, reason: str, source: str, user: User
) -> tuple[Recipient, bool]:
    """Mail an address that asked for it, on the list or not; and whether that changed anything.

    `reason` says how they asked. Raises Invalid without it, and Conflict for whoever complained,
    or was put on the suppression list by hand.
    """
    normal = address.normalise(email)
    why = Why(consent.stated(reason), source, user)
    known = recipients.by_email(workspace, normal)
    suppression = suppressions.find(workspace, normal)
    if known and known.status == RecipientStatus.SUBSCRIBED and not suppression:
        return known, False
    _refuse_after_complaint(workspace, normal)
    if suppression:
        _lift(workspace, suppression, normal, user)
    if known is None:
        recipients.ensure(workspace, {normal: ""}, why=why)
        return _there(workspace, normal), True
    moved = consent.resubscribe(workspace, known, reason=reason, source=source, user=user)
    if not moved:  # it was the suppression alone that kept them
        consent.record(workspace, [normal], ConsentAction.SUBSCRIBED, why)
    db.session.refresh(known)
    return known, True


def _lift(workspace: HasId, suppression: Suppression, email: str, user: User) -> None:
    if suppression.email is None or suppression.source not in OWN_WISH:
        why = f" (“{suppression.reason}”)" if suppression.reason else ""
        raise Conflict(f"{email} is on your suppression list{why}. Take it off there first.")
    suppressions.remove(workspace, suppression.id, reason="opted in again", user=user)


def _refuse_after_complaint(workspace: HasId, email: str) -> None:
    """Unless they came back by their own sign-up.

    The history knows it, also where the list has forgotten: it outlives the recipient.
    """
    own_words = or_(
        ConsentEvent.action == ConsentAction.COMPLAINED,
        and_(ConsentEvent.action == ConsentAction.SUBSCRIBED, ConsentEvent.source == FORM),
    )
    last = (
        select(ConsentEvent.action)
        .where(ConsentEvent.workspace_id == workspace.id, ConsentEvent.email == email, own_words)
        .order_by(ConsentEvent.id.desc())
        .limit(1)
    )
    if db.session.scalar(last) == ConsentAction.COMPLAINED:
        raise Conflict(f"{email} {COMPLAINT}")


def _there(workspace: HasId, email: str) -> Recipient:
    recipient = recipients.by_email(workspace, email)
    if recipient is None:  # somebody else has deleted them in this moment
        raise NotFound
    return recipient
