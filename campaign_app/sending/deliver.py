"""The drain: one doorbell, one SMTP connection, batch after batch until none is left.

A step is one transaction: it writes what became of the last window, claims batches when none is
held, and opens the next window. No transaction and no database connection is held while the mail
server is spoken to or a gap is slept through.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from time import monotonic

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError

from campaign_app.extensions import db
from campaign_app.lib import logs
from campaign_app.lib.errors import CarillonError, Invalid
from campaign_app.models.senders import Sender, SenderState
from campaign_app.sending import bookkeeping, caps, marking, pacing, slots, stopping, troubles
from campaign_app.sending.claims import Claim, Turn, claim, give_back, open_window
from campaign_app.sending.composition import Letters, letters
from campaign_app.sending.handover import TransportError
from campaign_app.sending.leases import Lease, LeaseLostError, heartbeat
from campaign_app.sending.line import Line
from campaign_app.sending.replies import STOP, Action, Scope, Verdict, classify_error
from campaign_app.sending.results import FenceError, record
from campaign_app.sending.throttle import take_turns
from campaign_app.sending.verdicts import Judgement, judge
from campaign_app.sending.workshop import Workshop

TURN_SECONDS = 30.0
"""A drain goes on longer than this only while nobody else waits for a worker."""
BARREN_WINDOWS = 3
"""Connections in a row that break without one message accepted, before the sender rests."""

log = logs.get(__name__)


class End(StrEnum):
    """Why a drain ended. EMPTY: nothing left to claim. NO_SLOT: all connections are taken.

    YIELDED: its turn was over, and others waited. WAITING: the pace, a cap, the sender or the
    campaign says that nothing may be sent now. STOPPED: the process ends. LOST: its lease ran out.
    """

    EMPTY = "empty"
    NO_SLOT = "no slot"
    YIELDED = "yielded"
    WAITING = "waiting"
    STOPPED = "stopped"
    LOST = "lost"


def drain(sender_id: int, *, workshop: Workshop, worker: str) -> End:
    """Send what the sender has dispatched, over one connection, until there is a reason to end."""
    if stopping.is_wanted():
        return End.STOPPED
    lease = slots.win(sender_id, worker=worker, seconds=workshop.lease_seconds)
    if lease is None:
        return End.NO_SLOT
    heartbeat.watch(lease, db.engine)
    run = Drain(lease, workshop, worker)
    try:
        end = run.run()
    finally:
        heartbeat.forget(lease)
        run.line.close(keep_journal=run.end in (None, End.LOST))
    slots.release(lease)
    return end


class Drain:
    """The state of one drain. `judgement` is what is known and not yet written down."""

    def __init__(self, lease: Lease, workshop: Workshop, worker: str) -> None:
        self.lease = lease
        self.line = Line(workshop, lease)
        self.end: End | None = None
        self._workshop = workshop
        self._worker = worker
        self._claim: Claim | None = None
        self._safe: Claim | None = None
        self._letters: Letters | None = None
        self._judgement: Judgement | None = None
        self._addresses: dict[int, str] = {}
        self._barren = 0
        self._began = monotonic()

    def run(self) -> End:
        """Step and hand over, by turns, until a step finds a reason to end."""
        try:
            while self.end is None:
                turns = self._step_surely()
                if turns:
                    self._hand_over(turns)
        except (FenceError, LeaseLostError) as error:
            db.session.rollback()
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
            except (OperationalError, InterfaceError) as error:
                db.session.rollback()
                log.warning("database away", sender=self.lease.sender_id, error=str(error.orig))
                self._claim = _copy(self._safe)
                stopping.sleep(1)

    def _step(self) -> list[Turn]:
        sender = self._load_sender()
        self._record(sender)
        if end := self._reason_to_end(sender):
            return self._leave(end)
        if not self._claim and not self._claim_more(sender):
            return []
        if not self.line.room and not self._connect(sender):
            return []
        return self._open_window(sender)

    def _load_sender(self) -> Sender:
        return db.session.scalars(
            select(Sender)
            .where(Sender.id == self.lease.sender_id)
            .execution_options(all_workspaces=True, populate_existing=True)
        ).one()

    def _record(self, sender: Sender) -> None:
        """Write the last window's results: known is known, whatever the campaign's status."""
        judged = self._judgement
        if judged is None or self._claim is None:
            return
        bookkeeping.write_down(sender, self._claim, judged, self._addresses)
        self._claim = self._claim if self._claim.held else None
        if self._barren >= BARREN_WINDOWS and not judged.trouble:
            troubles.cool(sender.id, judged.words)

    def _reason_to_end(self, sender: Sender) -> End | None:
        if stopping.is_wanted():
            return End.STOPPED
        judged = self._judgement
        if self._barren >= BARREN_WINDOWS or sender.state != SenderState.ACTIVE:
            return End.WAITING
        if judged and judged.trouble and judged.trouble.scope != Scope.CONNECTION:
            return End.WAITING
        turn_is_over = monotonic() - self._began > TURN_SECONDS
        return End.YIELDED if turn_is_over and self._workshop.others_wait() else None

    def _leave(self, end: End, *, seconds: float = 0) -> list[Turn]:
        if self._claim and self._claim.held:
            give_back(self._claim, seconds=seconds)
        self._commit()
        self.end = end
        return []

    def _commit(self) -> None:
        """Commit, and only then forget what has been written."""
        db.session.commit()
        if self._judgement is not None:
            self.line.journal.clear()
            self._judgement = None
        if self._claim and not self._claim.held:
            self._claim = None
        self._safe = _copy(self._claim)
        self.lease.batches = dict(self._claim.held) if self._claim else {}

    def _claim_more(self, sender: Sender) -> bool:
        won = self._win(sender.id)
        if won is None:
            marking.refill(sender.id)
            won = self._win(sender.id)
        if won is None:
            self._leave(End.EMPTY)
            return False
        self._claim = won
        try:
            self._letters = letters(
                won.campaign_id,
                sender,
                public_url=self._workshop.public_url,
                sign=self._workshop.sign,
            )
        except Invalid as error:
            troubles.pause(won.campaign_id, error.message)
            self._leave(End.WAITING)
            return False
        return True

    def _win(self, sender_id: int) -> Claim | None:
        return claim(
            sender_id,
            worker=self._worker,
            journal=self.line.name,
            most=self.line.batches,
            seconds=self._workshop.lease_seconds,
        )

    def _connect(self, sender: Sender) -> bool:
        db.session.expunge(sender)  # its values are read while no transaction is open
        self._commit()
        try:
            self.line.connect(sender)
        except TransportError as error:
            verdict = classify_error(error)
            self._rest(sender, error.message, verdict)
            return False
        except CarillonError as error:
            self._rest(sender, error.message, STOP)
            return False
        return True

    def _rest(self, sender: Sender, words: str, verdict: Verdict) -> None:
        if verdict.action == Action.STOP:
            troubles.stop(sender.id, words)
        else:
            troubles.cool(sender.id, words, seconds=verdict.wait_seconds)
        self._leave(End.WAITING)

    def _open_window(self, sender: Sender) -> list[Turn]:
        if self._claim is None:
            return []
        most = min(self.line.window, self.line.room)
        count, wait = self._allowed(sender, most)
        if not count:
            return self._leave(End.WAITING, seconds=wait)
        turns = open_window(self._claim, most=count)
        if turns is None:  # the campaign was paused or cancelled: look for another one's batches
            give_back(self._claim)
        elif not turns:
            self._close_empty()
        else:
            caps.count(sender, handed_over=len(turns))
        self._commit()
        return turns or []

    def _close_empty(self) -> None:
        """Finish batches that hold nothing to send any more."""
        if self._claim is None:
            return
        for batch_id in record(self._claim.held):
            del self._claim.held[batch_id]
        if self._claim.held:
            log.error("batches without messages", batches=list(self._claim.held))
            give_back(self._claim, seconds=60)

    def _allowed(self, sender: Sender, most: int) -> tuple[int, float]:
        """How many messages may leave now, after sleeping the gap; or 0 and how long to wait."""
        pace = pacing.of(sender, self._claim.campaign_id if self._claim else 0)
        if pace.gap:
            # No cap is touched while sleeping, and no connection of the database is held.
            self._commit_for(sender)
            turns = take_turns(pace, most=most)
            if not turns.count:
                return 0, turns.wait_seconds
            stopping.sleep(turns.wait_seconds)
            if stopping.is_wanted():
                return 0, 0.0
            most = turns.count
        allowance = caps.allow(sender, want=most)
        return allowance.count, allowance.wait_seconds

    def _commit_for(self, sender: Sender) -> None:
        if sender in db.session:
            db.session.expunge(sender)
        self._commit()

    def _hand_over(self, turns: list[Turn]) -> None:
        if self._letters is None:
            raise RuntimeError("A claim comes before a hand-over.")
        messages, failed = self._letters.write(turns)
        result = self.line.hand_over(messages) if messages else None
        outcomes, broken = (result.outcomes, result.broken) if result else ([], None)
        judged = judge(outcomes, {turn.message_id: turn for turn in turns}, broken)
        judged.others.extend(failed)
        if broken and not judged.sent:
            self._barren += 1
            judged.words = judged.words or broken.message
        elif judged.sent:
            self._barren = 0
        if judged.trouble and judged.trouble.scope == Scope.CONNECTION:
            self.line.hang_up()
        self._addresses = {turn.message_id: turn.address for turn in turns}
        self._judgement = judged
        if self.lease.is_lost:
            raise LeaseLostError("The lease ran out.")


def _copy(claim: Claim | None) -> Claim | None:
    return claim and replace(claim, held=dict(claim.held))
