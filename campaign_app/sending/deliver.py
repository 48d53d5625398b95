"""The drain: one doorbell, one SMTP connection, batch after batch until none is left.

A step is one transaction: it writes what became of the last window, claims batches when none is
held, and opens the next window. No transaction and no database connection is held while the mail
server is spoken to or a gap is slept through.
"""

from __future__ import annotations

from enum import StrEnum
from time import monotonic, sleep

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from campaign_app.extensions import db
from campaign_app.lib import logs, metrics
from campaign_app.lib.errors import CarillonError, Invalid
from campaign_app.models.senders import Sender, SenderState
from campaign_app.sending import (
    caps,
    changes,
    claims,
    marking,
    pacing,
    sharing,
    slots,
    stopping,
    troubles,
)
from campaign_app.sending.attention import Attention
from campaign_app.sending.bookkeeping import Books
from campaign_app.sending.claims import Claim, Turn
from campaign_app.sending.composition import Letters, letters
from campaign_app.sending.envelope import Envelope
from campaign_app.sending.handover import TransportError, WindowResult
from campaign_app.sending.leases import Lease, LeaseLostError, heartbeat
from campaign_app.sending.line import Line
from campaign_app.sending.pacing import Pacer
from campaign_app.sending.replies import STOP, Verdict, classify_error
from campaign_app.sending.results import FenceError
from campaign_app.sending.sharing import Stay
from campaign_app.sending.throttle import LONGEST_SLEEP, Pace, until_turn
from campaign_app.sending.workshop import Workshop

log = logs.get(__name__)


class End(StrEnum):
    """Why a drain ended. EMPTY: nothing left to claim. NO_SLOT: all connections are taken.

    YIELDED: its turn was over, and others waited. CROWDED: its workspace had too many drains.
    WAITING: the sender rests or the campaign's template cannot be read. STOPPED: the process ends.
    LOST: its lease ran out.
    """

    EMPTY = "empty"
    NO_SLOT = "no slot"
    YIELDED = "yielded"
    CROWDED = "crowded"
    WAITING = "waiting"
    STOPPED = "stopped"
    LOST = "lost"


def drain(sender_id: int, *, workshop: Workshop, worker: str) -> End:
    """Send what the sender has dispatched, over one connection, until there is a reason to end."""
    if stopping.is_wanted():
        return End.STOPPED
    most = sharing.most_drains(sender_id)
    lease = slots.win(sender_id, worker=worker, seconds=workshop.lease_seconds, most=most)
    if lease is None:
        return End.NO_SLOT
    run = Drain(lease, workshop, worker)  # before the heartbeat: nobody would end it for us
    heartbeat.watch(lease, db.engine)
    try:
        end = run.run()
    finally:
        heartbeat.forget(lease)
        run.line.close(keep_journal=run.in_doubt or run.end in (None, End.LOST))
    slots.release(lease)
    run.line.tell(end)
    return end


class Drain:
    """The state of one drain; `in_doubt`, once a commit's answer got lost: perhaps of a window."""

    def __init__(self, lease: Lease, workshop: Workshop, worker: str) -> None:
        self.lease = lease
        self.line = Line(workshop, lease)
        self.end: End | None = None
        self.in_doubt = False
        self._workshop = workshop
        self._worker = worker
        self._claim: Claim | None = None
        self._safe: Claim | None = None
        self._letters: Letters | None = None
        self._books = Books()
        self._seen: slots.Seen | None = None
        self._pacer = Pacer()
        self._stay = Stay(lease.sender_id, workshop.others_wait)
        self._attention = Attention(self._stay)

    def run(self) -> End:
        """Step and hand over, by turns, until a step finds a reason to end."""
        try:
            while self.end is None:
                if turns := self._step_surely():
                    self._hand_over(turns)
        except (FenceError, LeaseLostError) as error:
            self._books.pass_on(self.lease.sender_id, self._safe)
            self._pacer.settle()
            log.warning("drain lost its lease", sender=self.lease.sender_id, error=str(error))
            self.end = End.LOST
        return self.end

    def _step_surely(self) -> list[Turn]:
        """A step, repeated while the database is away: a known result is worth waiting for."""
        while True:
            if self.lease.is_lost:
                raise LeaseLostError("The lease ran out.")
            try:
                return self._step()
            except (OperationalError, InterfaceError, PoolTimeoutError) as error:
                db.session.rollback()
                cause = error.orig if isinstance(error, DBAPIError) else error
                log.warning("database away", sender=self.lease.sender_id, error=str(cause))
                self.in_doubt = True
                self._claim = self._safe and self._safe.copy()
                sleep(1)  # also while the process ends: spinning would help nobody

    def _step(self) -> list[Turn]:
        self._attention.begin()
        overstay = self._overstay()  # asks Redis, so before the transaction begins
        self._seen = slots.look(self.lease, self._seen, self._claim)
        sender = self._seen.sender
        if self._claim:
            self._books.write_down(sender, self._claim)
            self._claim = self._claim if self._claim.held else None
        if end := self._reason_to_end(sender) or overstay:
            return self._leave(end)
        if not self._claim and not self._claim_more(sender):
            return []
        if not self.line.room and not self._connect(sender):
            return []
        return self._open_window(sender)

    def _reason_to_end(self, sender: Sender) -> End | None:
        if stopping.is_wanted():
            return End.STOPPED
        if self.lease.slot >= sender.max_connections:  # somebody allows fewer by now
            return End.NO_SLOT
        is_active = sender.state == SenderState.ACTIVE
        if not is_active or self._books.is_barren or self._books.has_lasting_trouble:
            return End.WAITING
        return None

    def _overstay(self) -> End | None:
        if self._stay.must_give_way():
            return End.CROWDED
        return End.YIELDED if self._stay.is_over() else None

    def _leave(self, end: End) -> list[Turn]:
        if self._claim:
            claims.give_back(self._claim)
        is_told = self._books.has_lasting_trouble
        self._commit()
        if is_told:  # the sender's other drains sleep until their turn: they must not take it
            changes.announce()
        self._pacer.settle()
        self.end = end
        return []

    def _commit(self) -> None:
        """Commit, and only then forget what has been written."""
        began = monotonic()
        db.session.commit()
        metrics.commit(monotonic() - began)
        if self._books.forget():
            self.line.journal.clear()
        if self._claim and not self._claim.held:
            self._claim = None
        self._safe = self._claim and self._claim.copy()
        self.lease.batches = dict(self._claim.held) if self._claim else {}

    def _claim_more(self, sender: Sender) -> bool:
        won = self._win(sender.id)
        if won is None:
            self._commit()  # refilling waits for other drains: with no row of ours locked
            marking.refill(sender.id)
            won = self._win(sender.id)
        if won is None:
            self._leave(End.EMPTY)
            return False
        self._claim = won
        try:
            tools = self._workshop
            self._letters = letters(
                won.campaign_id, sender, public_url=tools.public_url, sign=tools.sign
            )
        except Invalid as error:
            troubles.pause(won.campaign_id, error.message)
            self._leave(End.WAITING)
            return False
        return True

    def _win(self, sender_id: int) -> Claim | None:
        seconds, most = self._workshop.lease_seconds, self.line.batches
        return claims.claim(
            sender_id, worker=self._worker, journal=self.line.name, most=most, seconds=seconds
        )

    def _connect(self, sender: Sender) -> bool:
        pace = pacing.of(sender, self._claim)
        self._commit()
        if (wait := until_turn(pace)) > LONGEST_SLEEP:
            self._hold(sender, pace, wait)
            return False
        try:
            self.line.connect(sender)
        except TransportError as error:
            if stopping.is_wanted():  # our own haste is no fault of the server's
                self._leave(End.STOPPED)
            else:
                self._rest(sender, error.message, classify_error(error))
            return False
        except CarillonError as error:
            self._rest(sender, error.message, STOP)
            return False
        return True

    def _rest(self, sender: Sender, words: str, verdict: Verdict) -> None:
        campaign_id = self._claim.campaign_id if self._claim else 0
        troubles.act_on(verdict, words, sender_id=sender.id, campaign_id=campaign_id)
        self._leave(End.WAITING)

    def _open_window(self, sender: Sender) -> list[Turn]:
        if self._claim is None:
            return []
        most = self._paced(sender, min(self.line.window, self.line.room))
        if not most:
            return []
        allowance = caps.allow(sender, want=most)
        if not allowance.count:
            troubles.cool(sender.id, allowance.words, seconds=allowance.wait_seconds)
            return self._leave(End.WAITING)
        turns = claims.open_window(self._claim, most=allowance.count)
        if turns is None:  # the campaign was paused or cancelled: look for another one's batches
            claims.give_back(self._claim)
        elif not turns:
            claims.close_empty(self._claim)
        else:
            self._books.counted = caps.count(sender, handed_over=len(turns))
        self._commit()
        if not turns:
            self._pacer.settle()
        return turns or []

    def _paced(self, sender: Sender, most: int) -> int:
        """How many messages may leave now, after waiting for it; 0: look at everything again."""
        pace = pacing.of(sender, self._claim)
        if not pace:
            return most
        # No cap is touched while waiting, and no connection of the database is held.
        self._commit()
        turns = self._pacer.take(pace, most=most)
        if turns.wait_seconds > LONGEST_SLEEP:
            self._hold(sender, pace, turns.wait_seconds)
        return turns.count

    def _hold(self, sender: Sender, pace: Pace, wait: float) -> None:
        """Let the campaign wait until its moment is near enough to sleep; another's may be now."""
        if self._claim and pacing.still(pace, sender, self._claim):
            claims.hold(self._claim, sender_id=sender.id, seconds=max(1.0, wait - LONGEST_SLEEP))
        self._commit()

    def _ahead(self) -> Envelope | None:
        """The envelope of the message after this window, if nothing but us decides on its turn."""
        turn = self._claim and self._claim.ahead
        if not turn or not self._letters or self._books.counted or self._pacer.is_pacing:
            return None
        return Envelope(turn.message_id, self._letters.mail_from, turn.address)

    def _hand_over(self, turns: list[Turn]) -> None:
        if self._letters is None:
            raise RuntimeError("A claim comes before a hand-over.")
        messages, failed = self._letters.write(turns)
        result = WindowResult([])
        if messages:
            called = self._attention.heed(self._seen, self._claim)
            result = self.line.hand_over(messages, ahead=self._ahead(), is_called=called)
        judged = self._books.enter(turns, result, failed)
        self._pacer.used = len(messages) - judged.not_sent
        if not judged.outlives_connection:  # or what was told comes first: see _leave
            self._pacer.settle()
        if judged.is_line_lost:
            self.line.hang_up()
        if self.lease.is_lost:
            raise LeaseLostError("The lease ran out.")
