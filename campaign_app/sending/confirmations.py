"""Confirmation mails of sign-ups: each sent on a connection of its own, and tried again by its row.

A sender's are sent as its campaigns are: over its connections, at its pace, within its caps, and
not while it rests. A mail that a dying worker had on its way is sent again: twice the same question
does no harm, and none at all would be a subscriber lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from sqlalchemy import Select, select, update

from campaign_app.extensions import db
from campaign_app.lib import clock, logs
from campaign_app.lib.errors import Unavailable
from campaign_app.models.senders import Sender, SenderState
from campaign_app.models.signups import Signup, SignupForm
from campaign_app.sending import (
    caps,
    confirmation_slots,
    pacing,
    probe,
    replies,
    slots,
    stopping,
    troubles,
)
from campaign_app.sending.caps import Counted
from campaign_app.sending.deliver import End
from campaign_app.sending.handover import Outgoing, Phase, TransportError
from campaign_app.sending.leases import Lease, heartbeat
from campaign_app.sending.pacing import Pacer
from campaign_app.sending.replies import Action, Scope, Verdict
from campaign_app.sending.throttle import LONGEST_SLEEP
from campaign_app.sending.troubles import Ref
from campaign_app.sending.workshop import Workshop
from campaign_app.services import signup_forms, signup_mail, signups
from campaign_app.services.signup_forms import PublicForm

WAITS = (30, 60, 300, 1800, 7200, 21_600)
"""Seconds between attempts; after the last one the mail is given up."""
LEASE = timedelta(minutes=5)
"""A mail that somebody has taken in hand is due again after that: they must have died."""
TURN_SECONDS = 10.0
"""After which a connection is left to campaigns for a moment."""
GONE = "The form has no sender any more."

_ANYBODYS: dict[str, Any] = {"execution_options": {"all_workspaces": True}}
_AT_THE_DOOR = (Phase.CONNECT, Phase.AUTH)
"""Before a connection could be used."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class _Letter:
    """A mail that is ready to go, and counted."""

    signup_id: int
    attempts: int
    outgoing: Outgoing
    counted: Counted | None


def senders_due() -> Sequence[int]:
    """The senders that can mail some confirmations now; those of closed forms are given up."""
    lost = select(SignupForm.id).where(SignupForm.sender_id.is_(None))
    db.session.execute(
        update(Signup).where(*_due(), Signup.form_id.in_(lost)).values(mail_at=None, problem=GONE),
        **_ANYBODYS,
    )
    db.session.commit()
    return db.session.scalars(
        select(SignupForm.sender_id)
        .distinct()
        .join(Signup, Signup.form_id == SignupForm.id)
        .join(Sender, Sender.id == SignupForm.sender_id)
        .where(*_due(), Sender.state == SenderState.ACTIVE),
        **_ANYBODYS,
    ).all()


def drain(sender_id: int, *, workshop: Workshop, worker: str, link: Callable[[int], str]) -> End:
    """Mail what the sender has due, for a turn; `link` gives a sign-up's address. Commits.

    YIELDED: the turn was over. CROWDED: no connection was to be had. WAITING: the sender rests, or
    its server let us down.
    """
    right = confirmation_slots.win(sender_id, worker=worker, seconds=workshop.lease_seconds)
    if right is None:
        return End.NO_SLOT
    end = None
    try:
        with heartbeat.watching(right, db.engine):
            connection = confirmation_slots.connection(right, worker=worker)
            end = _mail(connection, workshop, link) if connection else End.CROWDED
    finally:
        db.session.rollback()  # of what failed: a turn that ended has committed
        confirmation_slots.leave(right, is_to_rest=end == End.WAITING)
    return end


def _due() -> tuple[Any, ...]:
    """Not those who asked so long ago that their link works no more: a sender may rest for days."""
    now = clock.now()
    is_valid = Signup.asked_at > now - signups.VALID_FOR
    return Signup.mail_at <= now, Signup.confirmed_at.is_(None), is_valid


def _mail(connection: Lease, workshop: Workshop, link: Callable[[int], str]) -> End:
    try:
        with heartbeat.watching(connection, db.engine):
            return _Turn(connection, workshop, link).run()
    finally:
        db.session.rollback()
        slots.release(connection)


class _Turn:
    """The mails of one sender, one after the other, while nothing speaks against it."""

    def __init__(self, lease: Lease, workshop: Workshop, link: Callable[[int], str]) -> None:
        self._lease = lease
        self._workshop = workshop
        self._link = link
        self._pacer = Pacer()
        self._until = monotonic() + TURN_SECONDS
        self._is_let_down = False

    def run(self) -> End:
        """Mail, until there is a reason to end."""
        while True:
            sender = slots.look(self._lease, None, None).sender
            end = self._reason_to_end(sender)
            db.session.commit()
            if end or not self._mail_one(sender):
                return end or End.WAITING

    def _reason_to_end(self, sender: Sender) -> End | None:
        if stopping.is_wanted() or self._lease.is_lost:
            return End.STOPPED
        if self._is_let_down or sender.state != SenderState.ACTIVE:
            return End.WAITING
        if self._lease.slot >= sender.max_connections:
            return End.CROWDED
        if not _has_due(sender):
            return End.EMPTY
        return End.YIELDED if monotonic() > self._until else None

    def _mail_one(self, sender: Sender) -> bool:
        """False when the sender's pace or its caps let nothing leave for a while."""
        turns = self._pacer.take(pacing.of(sender, None), most=1)
        if not turns.count:
            return turns.wait_seconds <= LONGEST_SLEEP
        letter = None
        try:
            is_allowed = caps.allow(sender, want=1).count > 0
            letter = self._next(sender) if is_allowed else None
            db.session.commit()  # nothing waits for a mail server in a transaction
            if letter:
                self._post(sender, letter)
        finally:
            self._pacer.used = int(letter is not None)
            self._pacer.settle()
        return is_allowed

    def _next(self, sender: Sender) -> _Letter | None:
        """The mail that is due longest, counted against the caps; None when it is not to go."""
        signup = _claim(sender)
        db.session.commit()  # one that cannot be composed must not stay the first for ever
        public = signup and _still_wanted(signup)
        if not signup or not public:
            return None
        url = self._link(signup.id)
        data = signup_mail.compose(
            sender, public.form, to=signup.email, name=public.list_name, url=url
        )
        outgoing = Outgoing(0, sender.from_email, signup.email, data)
        return _Letter(signup.id, signup.attempts, outgoing, caps.count(sender, handed_over=1))

    def _post(self, sender: Sender, letter: _Letter) -> None:
        try:
            account = self._workshop.account(sender)
            probe.send_test(account, letter.outgoing, timeouts=self._workshop.brief)
        except TransportError as error:
            self._failed(sender, letter, error)
        except Unavailable as error:
            self._let_down(sender, replies.STOP, error.message)
            _note(letter.signup_id, mail_at=clock.now(), attempts=letter.attempts - 1)
        else:
            if sender.cooling_tier:
                troubles.is_well(sender.id)
            _note(letter.signup_id, mail_at=None, mailed_at=clock.now(), problem="")

    def _failed(self, sender: Sender, letter: _Letter, error: TransportError) -> None:
        """Try it again later, unless the server knows no such mailbox or it was the last time."""
        verdict = replies.classify_error(error)
        is_innocent = verdict.scope == Scope.SENDER
        words = str(error.reply) if error.reply else error.message
        if verdict.scope in (Scope.SENDER, Scope.CONNECTION):
            is_told = is_innocent or error.phase in _AT_THE_DOOR
            self._let_down(sender, verdict if is_told else None, words)
        if letter.counted and error.phase != Phase.DOT:
            caps.settle(sender, letter.counted, unused=1)
        is_final = verdict.action is Action.FAIL or letter.attempts > len(WAITS)
        wait = timedelta(seconds=WAITS[min(letter.attempts, len(WAITS)) - 1])
        log.info("confirmation not sent", signup=letter.signup_id, final=is_final)
        _note(
            letter.signup_id,
            mail_at=None if is_final and not is_innocent else clock.now() + wait,
            attempts=letter.attempts - is_innocent,
            problem=error.message[:500],
        )

    def _let_down(self, sender: Sender, verdict: Verdict | None, words: str) -> None:
        """No other mail is tried for now; nor a campaign's, where the server says so."""
        self._is_let_down = True
        if verdict:
            troubles.act_on(verdict, words, sender_id=sender.id, campaign_id=0)


def _has_due(sender: Sender) -> bool:
    whose = Signup.workspace_id == sender.workspace_id, Signup.form_id.in_(_forms(sender))
    found = select(Signup.id).where(*whose, *_due()).limit(1)
    return db.session.scalar(found) is not None


def _forms(sender: Sender) -> Select[int]:
    return select(SignupForm.id).where(
        SignupForm.workspace_id == sender.workspace_id, SignupForm.sender_id == sender.id
    )


def _claim(sender: Sender) -> Signup | None:
    """Take the mail in hand that is due longest; the caller commits."""
    own = Signup.workspace_id == sender.workspace_id
    longest = (
        select(Signup.id)
        .where(own, *_due(), Signup.form_id.in_(_forms(sender)))
        .order_by(Signup.mail_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return db.session.scalars(
        update(Signup)
        .where(own, Signup.id.in_(longest))
        .values(mail_at=clock.now() + LEASE, attempts=Signup.attempts + 1)
        .returning(Signup)
        .execution_options(populate_existing=True)
    ).one_or_none()


def _still_wanted(signup: Signup) -> PublicForm | None:
    """The form; None, and nobody tries again, when it or whoever asked by it is off the list."""
    public = signup_forms.public(signup.form_id)
    if public is None:
        signup.mail_at, signup.problem = None, GONE
    elif not signups.may_be_asked(Ref(signup.workspace_id), signup.email):
        signup.mail_at = None  # they were suppressed since they asked: nobody is told
        return None
    return public


def _note(signup_id: int, **values: object) -> None:
    db.session.execute(update(Signup).where(Signup.id == signup_id).values(**values), **_ANYBODYS)
    db.session.commit()
