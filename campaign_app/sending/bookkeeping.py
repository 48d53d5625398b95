"""A window's judgement and its way into the tables: messages, bounces, caps, the sender's state."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from campaign_app.extensions import db
from campaign_app.lib import metrics
from campaign_app.models.senders import Sender
from campaign_app.sending import brakes, caps, troubles
from campaign_app.sending.caps import Counted
from campaign_app.sending.claims import Claim, Turn
from campaign_app.sending.handover import WindowResult
from campaign_app.sending.results import Result, record
from campaign_app.sending.verdicts import Judgement, judge
from campaign_app.services import consent

BARREN_WINDOWS = 3
"""Connections in a row that break without one message accepted, before the sender rests."""


class Books:
    """A drain's last window: what is known of it and not yet written down.

    `counted` is what the window that was opened last took of the sender's caps.
    """

    def __init__(self) -> None:
        self.judgement: Judgement | None = None
        self.counted: Counted | None = None
        self._spent: Counted | None = None  # the next window may be opened in vain, and counted
        self._addresses: dict[int, str] = {}
        self._barren = 0

    @property
    def is_barren(self) -> bool:
        """True when connection after connection broke and nothing was accepted."""
        return self._barren >= BARREN_WINDOWS

    @property
    def has_lasting_trouble(self) -> bool:
        """True for a trouble that another connection would meet again."""
        return self.judgement is not None and self.judgement.outlives_connection

    def enter(
        self, turns: Sequence[Turn], result: WindowResult, unwritable: Sequence[Result]
    ) -> Judgement:
        """Judge a window that was handed over; `unwritable` never got that far."""
        broken = result.broken
        judged = judge(result.outcomes, {turn.message_id: turn for turn in turns}, broken)
        judged.others.extend(unwritable)
        judged.is_line_lost = bool(broken or (judged.trouble and not judged.outlives_connection))
        if broken:
            judged.words = judged.words or broken.message
        self._barren = 0 if judged.sent else self._barren + judged.is_line_lost
        self._addresses = {turn.message_id: turn.address for turn in turns}
        self._spent = self.counted
        self.judgement = judged
        return judged

    def write_down(self, sender: Sender, claim: Claim) -> None:
        """Record the results and act on the trouble; finished batches leave the claim.

        Known is known, whatever the campaign's status. Raises FenceError. The caller commits.
        """
        judged = self.judgement
        if judged is None:
            return
        # Campaign and sender before messages and batches, as a person's click locks them.
        _learn(sender, claim, judged)
        if self._spent:
            caps.settle(sender, self._spent, unused=judged.not_sent)
        for batch_id in record(claim.held, sent=judged.sent, others=judged.others):
            del claim.held[batch_id]
        workspace = troubles.Ref(claim.workspace_id)
        for message_id, words in judged.bounced.items():
            consent.bounce(workspace, self._addresses[message_id], reason=words)
        if judged.sent and sender.cooling_tier:
            troubles.is_well(sender.id)
        if self.is_barren and not judged.outlives_connection:
            troubles.cool(sender.id, judged.words)

    def pass_on(self, sender_id: int, claim: Claim | None) -> None:
        """Roll back, and of a window that may not be written down keep what concerns others, too.

        The batches are somebody else's by now, but a server that objected to the mail or the sender
        would only have to say it again. Commits; `claim` is the window's.
        """
        db.session.rollback()
        judged = self.judgement
        if claim is None or judged is None:
            return
        try:
            _heed(judged, sender_id=sender_id, campaign_id=claim.campaign_id)
            db.session.commit()
        except SQLAlchemyError:
            db.session.rollback()

    def forget(self) -> bool:
        """Forget what has been committed; tells whether there was anything."""
        if self.judgement is None:
            return False
        metrics.mails(self.judgement.ends)
        self.judgement = None
        return True


def _learn(sender: Sender, claim: Claim, judged: Judgement) -> None:
    """What the server's words mean for the sender, or that there were none."""
    told = _heed(judged, sender_id=sender.id, campaign_id=claim.campaign_id)
    if not told and judged.sent and sender.brake_rate:
        brakes.ease(sender)


def _heed(judged: Judgement, *, sender_id: int, campaign_id: int) -> bool:
    """Act on a trouble that another connection would meet again; tells whether there was one."""
    if judged.trouble is None or not judged.outlives_connection:
        return False
    troubles.act_on(
        judged.trouble,
        judged.words,
        sender_id=sender_id,
        campaign_id=campaign_id,
        just_sent=len(judged.sent),
    )
    return True
