"""The pace of a drain: read anew for every window, waited for, and settled after the hand-over."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

from sqlalchemy import select, text

from campaign_app.extensions import db
from campaign_app.models.senders import Sender
from campaign_app.sending import throttle
from campaign_app.sending.changes import Watch
from campaign_app.sending.claims import Claim
from campaign_app.sending.throttle import LONGEST_SLEEP, Limit, Pace, Turns

_HELD_RATE = text(
    """
    SELECT tpm FROM campaigns
    WHERE workspace_id = :workspace AND id = :campaign AND status = 'sending' FOR SHARE
    """
)


def of(sender: Sender, claim: Claim | None) -> Pace:
    """The limits of the sender and of the campaign whose batches are held, as read last."""
    campaign = (
        [throttle.per_minute(f"c{claim.campaign_id}", claim.tpm)] if claim and claim.tpm else []
    )
    return Pace((*_of_sender(sender), *campaign))


def still(pace: Pace, sender: Sender, claim: Claim) -> bool:
    """True when nobody has changed the pace, nor can before the commit.

    So whoever changes it sees the batches that are held for it, and can let them go.
    """
    now = db.session.scalars(
        select(Sender)
        .where(Sender.workspace_id == sender.workspace_id, Sender.id == sender.id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    ).one()
    whose = {"workspace": sender.workspace_id, "campaign": claim.campaign_id}
    tpm = db.session.scalar(_HELD_RATE, whose)
    return of(now, replace(claim, tpm=tpm)) == pace


class Pacer:
    """The turns of one drain: at most one window's worth is under way, `used` of them so far."""

    def __init__(self) -> None:
        self.used = 0
        self._watch = Watch()
        self._turns = Turns(0)

    @property
    def is_pacing(self) -> bool:
        """True while turns are being used that had to be waited for."""
        return bool(self._turns.count)

    def take(self, pace: Pace, *, most: int) -> Turns:
        """Wait for turns and take them.

        Gives none when their moment is more than LONGEST_SLEEP away, or when it is time to look at
        the database again.
        """
        until = monotonic() + LONGEST_SLEEP
        while True:
            self._turns = throttle.take_turns(pace, most=most)
            if self._turns.count and self._watch.is_old():  # perhaps given back by who was refused
                self.settle()
                return self._turns
            wait = self._turns.wait_seconds
            if self._turns.count or wait > until - monotonic() or not self._watch.sleep(wait):
                return self._turns

    def settle(self) -> None:
        """Tell that the hand-over has ended; what was not used is there for others."""
        throttle.settle(self._turns, used=self.used)
        self._turns, self.used = Turns(0), 0


def _of_sender(sender: Sender) -> list[Limit]:
    limits = []
    if sender.delay_seconds:
        limits.append(throttle.delay(sender.id, sender.delay_seconds))
    if sender.brake_rate:
        limits.append(throttle.brake(sender.id, sender.brake_rate))
    if sender.per_minute:
        limits.append(throttle.per_minute(f"s{sender.id}", sender.per_minute))
    return limits
