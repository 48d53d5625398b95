"""Taking back batches whose lease ran out, without sending anything twice.

The dead connection's journal is read first. A message it never began goes back; one it got an
answer for is recorded; only one that had begun and has no answer is `unconfirmed`, at most one per
connection. Without the journal nobody can know, and the whole open window is `unconfirmed`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib import logs
from campaign_app.models.messages import MessageStatus
from campaign_app.sending import journal
from campaign_app.sending.claims import Turn
from campaign_app.sending.handover import Fate, Outcome, Phase, Reply
from campaign_app.sending.results import Result, record
from campaign_app.sending.verdicts import Judgement, judge

MOST = 200
"""Batches taken back in one round."""
KEPT_SECONDS = 86_400
"""How long a journal that nobody deleted is kept after its last line."""

log = logs.get(__name__)

# Raising the fence first is what shuts the former holder out.
_TAKE = text(
    """
    UPDATE batches SET fence = fence + 1, lease_until = now() + interval '1 minute'
    WHERE id IN (
        SELECT id FROM batches WHERE state = 'sending' AND lease_until < now()
        ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id, fence, journal, opened_through, campaign_id, sender_id
    """
)
_OPEN_WINDOW = text(
    """
    SELECT id, batch_id, address, attempts, breaks FROM messages
    WHERE batch_id = :batch AND id <= :through AND status = 'pending' ORDER BY id
    """
)
_FREE = text(
    """
    UPDATE batches SET state = 'pending', lease_until = NULL, worker = '', not_before = now()
    WHERE id = :batch AND fence = :fence AND state = 'sending'
    """
)


_NAMED = text("SELECT journal FROM batches WHERE state = 'sending' AND journal = ANY(:names)")


@dataclass(frozen=True, slots=True)
class Recovered:
    """What one round of taking back found."""

    batches: int = 0
    given_back: int = 0
    recorded: int = 0
    unconfirmed: int = 0


def take_back(journals: Path) -> Recovered:
    """Take back every batch whose lease ran out, in one transaction, and commit."""
    batches = db.session.execute(_TAKE, {"most": MOST}).all()
    given_back = recorded = unconfirmed = 0
    for batch in batches:
        turns = _open_window(batch.id, batch.opened_through)
        judged = _judge(turns, _read(journals, batch.journal))
        finished = record({batch.id: batch.fence}, sent=judged.sent, others=judged.others)
        if not finished:
            db.session.execute(_FREE, {"batch": batch.id, "fence": batch.fence})
        unclear = sum(r.status == MessageStatus.UNCONFIRMED for r in judged.others)
        unconfirmed += unclear
        recorded += len(judged.sent) + len(judged.others) - unclear
        given_back += judged.not_sent
        log.warning("lease taken back", batch=batch.id, campaign=batch.campaign_id)
    db.session.commit()
    return Recovered(len(batches), given_back, recorded, unconfirmed)


def tidy(journals: Path) -> int:
    """Delete the old journals of connections that died; gives how many."""
    long_ago = time.time() - KEPT_SECONDS
    old = {path.name: path for path in journals.glob("*.journal") if _changed(path) < long_ago}
    if not old:
        return 0
    for name in db.session.scalars(_NAMED, {"names": list(old)}).all():
        old.pop(name, None)
    db.session.rollback()
    for path in old.values():
        path.unlink(missing_ok=True)
    return len(old)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # its drain has ended meanwhile
        return time.time()


def _read(journals: Path, name: str) -> dict[int, int | None] | None:
    """The journal's facts; None when there is no journal to ask."""
    path = journals / Path(name).name
    return journal.read(path) if name and path.is_file() else None


def _open_window(batch_id: int, through: int | None) -> dict[int, Turn]:
    if through is None:
        return {}
    rows = db.session.execute(_OPEN_WINDOW, {"batch": batch_id, "through": through})
    return {
        row.id: Turn(row.id, row.batch_id, row.address, "", {}, row.attempts, row.breaks)
        for row in rows
    }


def _judge(turns: dict[int, Turn], facts: dict[int, int | None] | None) -> Judgement:
    if facts is None:
        return Judgement(others=[_lost(message_id) for message_id in turns])
    outcomes = [_outcome(message_id, facts) for message_id in turns]
    return judge(outcomes, turns, None)


def _outcome(message_id: int, facts: dict[int, int | None]) -> Outcome:
    if message_id not in facts:
        return Outcome(message_id, Fate.NOT_SENT)
    code = facts[message_id]
    if code is None:
        return Outcome(message_id, Fate.UNCONFIRMED, Phase.DOT)
    reply = Reply(code, "")
    return Outcome(message_id, Fate.ACCEPTED if code < 300 else Fate.REFUSED, Phase.DOT, reply)


def _lost(message_id: int) -> Result:
    words = "The worker was lost together with its journal."
    status, phase = MessageStatus.UNCONFIRMED, Phase.DOT.value
    return Result(message_id, status, attempts=1, phase=phase, reply=words)
