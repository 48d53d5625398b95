"""Confirmation mails of sign-ups: each sent on a connection of its own, and tried again by its row.

A mail that a dying worker had on its way is sent again: twice the same question does no harm, and
none at all would be a subscriber lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from campaign_app.extensions import db
from campaign_app.lib import clock, logs
from campaign_app.lib.errors import Unavailable
from campaign_app.models.senders import Sender, SenderState
from campaign_app.models.signups import Signup
from campaign_app.sending import caps, probe, replies
from campaign_app.sending.handover import Outgoing, TransportError
from campaign_app.sending.replies import Action
from campaign_app.sending.troubles import Ref
from campaign_app.sending.workshop import Workshop
from campaign_app.services import signup_forms, signup_mail, signups

WAITS = (30, 60, 300, 1800, 7200, 21_600)
"""Seconds between attempts; after the last one the mail is given up."""
LEASE = timedelta(minutes=5)
"""A mail that somebody has taken in hand is due again after that: they must have died."""
AT_ONCE = 50

_ANYBODYS: dict[str, Any] = {"execution_options": {"all_workspaces": True}}

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class _Letter:
    """A mail that is ready to go."""

    sender: Sender
    to: str
    data: bytes


def due() -> Sequence[int]:
    """The ids of the sign-ups whose mail is due, the oldest first."""
    return db.session.scalars(
        select(Signup.id)
        .where(Signup.mail_at <= clock.now())
        .order_by(Signup.mail_at)
        .limit(AT_ONCE)
        .execution_options(all_workspaces=True)
    ).all()


def send(signup_id: int, *, workshop: Workshop, link: Callable[[int], str]) -> bool:
    """Send one mail, unless somebody else has it in hand; False when none left. Commits."""
    signup = _claim(signup_id)
    if signup is None:
        return False
    letter = _write(signup, link(signup_id))
    if letter is None:
        db.session.commit()
        return False
    try:
        account = workshop.account(letter.sender)
        outgoing = Outgoing(0, letter.sender.from_email, letter.to, letter.data)
        db.session.commit()  # nothing waits for a mail server in a transaction
        probe.send_test(account, outgoing)
    except (TransportError, Unavailable) as error:
        _failed(signup_id, error)
        return False
    _note(signup_id, mail_at=None, mailed_at=clock.now(), problem="")
    return True


def _claim(signup_id: int) -> Signup | None:
    now = clock.now()
    signup = db.session.scalars(
        update(Signup)
        .where(Signup.id == signup_id, Signup.mail_at <= now, Signup.confirmed_at.is_(None))
        .values(mail_at=now + LEASE, attempts=Signup.attempts + 1)
        .returning(Signup)
        .execution_options(all_workspaces=True, populate_existing=True)
    ).one_or_none()
    db.session.commit()
    return signup


def _write(signup: Signup, url: str) -> _Letter | None:
    """The mail, counted against its sender's caps; None when it cannot go now, which is noted."""
    public = signup_forms.public(signup.form_id)
    form = public.form if public else None
    sender = form and form.sender_id and db.session.get(Sender, form.sender_id, **_ANYBODYS)
    if not public or not form or not sender:
        signup.mail_at, signup.problem = None, "The form has no sender any more."
        return None
    if not signups.may_be_asked(Ref(signup.workspace_id), signup.email):
        signup.mail_at = None  # they were suppressed since they asked: nobody is told
        return None
    wait = _wait(sender)
    if wait:
        signup.mail_at, signup.attempts = wait, signup.attempts - 1
        return None
    data = signup_mail.compose(sender, form, to=signup.email, name=public.list_name, url=url)
    return _Letter(sender, signup.email, data)


def _wait(sender: Sender) -> datetime | None:
    """Until when this sender hands nothing over; None when it can now, which is counted."""
    now = clock.now()
    if sender.state != SenderState.ACTIVE:
        return max(sender.cooling_until or now, now + timedelta(seconds=30))
    allowance = caps.allow(sender, want=1)
    if not allowance.count:
        return now + timedelta(seconds=allowance.wait_seconds)
    caps.count(sender, handed_over=1)
    return None


def _failed(signup_id: int, error: TransportError | Unavailable) -> None:
    """Try it again later, unless the server knows no such mailbox or it was the last attempt."""
    signup = db.session.get_one(Signup, signup_id, populate_existing=True, **_ANYBODYS)
    is_final = (
        isinstance(error, TransportError) and replies.classify_error(error).action is Action.FAIL
    ) or signup.attempts > len(WAITS)
    wait = timedelta(seconds=WAITS[min(signup.attempts, len(WAITS)) - 1])
    log.info("confirmation not sent", signup=signup_id, final=is_final)
    _note(signup_id, mail_at=None if is_final else clock.now() + wait, problem=error.message[:500])


def _note(signup_id: int, **values: object) -> None:
    db.session.execute(
        update(Signup)
        .where(Signup.id == signup_id)
        .values(**values)
        .execution_options(all_workspaces=True)
    )
    db.session.commit()
