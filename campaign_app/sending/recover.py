"""Taking back batches whose lease ran out, without sending anything twice.

The dead connection's journal is read first. A message it never began goes back; one it got an
answer for is recorded; only one that had begun and has no answer is `unconfirmed`, at most one per
connection. Without the journal, or where its last lines may be lost, nobody can know what it does
not name, and that is `unconfirmed`, too, until the journal is found (late_journals.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Row, text

from campaign_app.extensions import db
from campaign_app.lib import logs, metrics
from campaign_app.models.messages import MessageStatus
from campaign_app.sending import journal, journal_names
from campaign_app.sending.claims import Turn
from campaign_app.sending.handover import Fate, Outcome, Phase, Reply
from campaign_app.sending.results import FenceError, Result, record
from campaign_app.sending.troubles import Ref
from campaign_app.sending.verdicts import Judgement, judge
from campaign_app.services import consent, housekeeping, unconfirmed

MOST = 200
"""Batches taken back in one round."""
SETTLE_SECONDS = 15
"""Until a batch is taken back again when whoever took it back died over it; a round takes one."""
KEPT_SECONDS = 86_400
"""How long a journal that nobody deleted is kept after its last line."""
SOUGHT_DAYS = housekeeping.LOST_KEPT.days
"""How long a journal is kept while it can settle something."""

Facts = dict[int, Reply | None]

log = logs.get(__name__)

# Raising the fence first is what shuts the former holder out.
_TAKE = text(
    """
    UPDATE batches
    SET fence = fence + 1, lease_until = now() + make_interval(secs => :seconds)
    WHERE id IN (
        SELECT id FROM batches
        WHERE state = 'sending' AND COALESCE(lease_until, '-infinity') < now()
          AND campaign_id = COALESCE(CAST(:campaign AS bigint), campaign_id)
          AND (CAST(:journals AS text[]) IS NULL OR journal = ANY(:journals))
        ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id, fence, journal, opened_through, campaign_id, workspace_id
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
_NOTE_LOSS = text(
    """
    INSERT INTO lost_windows (workspace_id, campaign_id, batch_id, journal, message_ids)
    VALUES (:workspace, :campaign, :batch, :journal, :ids)
    """
)
_NEEDED = text(
    """
    SELECT journal FROM batches WHERE state = 'sending' AND journal = ANY(:names)
    UNION ALL
    SELECT journal FROM lost_windows
    WHERE journal = ANY(:names) AND created_at > now() - make_interval(days => :days)
    UNION ALL  -- a living drain's: what is written into mapped memory may leave the file's time
    SELECT name FROM unnest(CAST(:names AS text[])) AS name
    JOIN sender_slots s ON name LIKE concat_ws('-', s.sender_id, s.slot, s.fence, '%')
    WHERE s.lease_until > now()
    """
)


@dataclass(slots=True)
class Recovered:
    """What one round of taking back found."""

    batches: int = 0
    given_back: int = 0
    recorded: int = 0
    unconfirmed: int = 0


def take_back(journals: Path, *, campaign_id: int | None = None, own: bool = False) -> Recovered:
    """Take back every batch whose lease ran out; commits.

    Of this campaign only; or `own`: only those whose journals lie in the folder.
    """
    values = {
        "most": MOST,
        "seconds": SETTLE_SECONDS,
        "campaign": campaign_id,
        "journals": journal_names.present(journals) if own else None,
    }
    taken = db.session.execute(_TAKE, values).all()
    # A late drain's write locks messages, then batches. With the fences raised and nothing locked
    # it fails at once; were the batches still held here, each could wait for the other.
    db.session.commit()
    found = Recovered()
    for batch in taken:
        _settle(journals, batch, found)
    metrics.leases_taken_back(found.batches)
    return found


def tidy(journals: Path) -> int:
    """Delete the old journals of connections that died; gives how many.

    Those that can still settle something are kept for SOUGHT_DAYS.
    """
    long_ago = time.time() - KEPT_SECONDS
    old = {path.name: path for path in journals.glob("*.journal") if _changed(path) < long_ago}
    if not old:
        return 0
    values = {"names": list(old), "days": SOUGHT_DAYS}
    for name in db.session.scalars(_NEEDED, values).all():
        old.pop(name, None)
    db.session.rollback()
    for path in old.values():
        path.unlink(missing_ok=True)
    return len(old)


def judge_by(facts: Facts, turns: dict[int, Turn], *, whole: bool) -> Judgement:
    """What a journal says of these messages. Unless it is `whole`, its silence says nothing."""
    silent = [] if whole else [message_id for message_id in turns if message_id not in facts]
    outcomes = [_outcome(message_id, facts) for message_id in turns if message_id not in silent]
    judged = judge(outcomes, turns, None)
    judged.others = [_ended(result) for result in judged.others]
    judged.others.extend(_lost(message_id) for message_id in silent)
    return judged


def turns_of(rows: Iterable[Row[Any]]) -> dict[int, Turn]:
    """Messages as the judging needs them, by id."""
    return {
        row.id: Turn(row.id, row.batch_id, row.address, "", {}, row.attempts, row.breaks)
        for row in rows
    }


def finish(
    workspace: Ref, held: Mapping[int, int], judged: Judgement, turns: Mapping[int, Turn]
) -> None:
    """Write what was judged into batches that are ours; what is left of them may be sent.

    Whom a reply concerns beyond its message, the sender or the campaign, the next message will ask.
    """
    finished = record(held, sent=judged.sent, others=judged.others)
    metrics.mails(judged.ends)
    for batch_id in held.keys() - set(finished):
        db.session.execute(_FREE, {"batch": batch_id, "fence": held[batch_id]})
    for message_id, words in judged.bounced.items():
        address = turns[message_id].address
        if "@" in address:  # whoever was erased meanwhile has none, and is suppressed by a hash
            consent.bounce(workspace, address, reason=words)


def _settle(journals: Path, batch: Row[Any], found: Recovered) -> None:
    """One taken batch and its commit. What fails is taken back again when its lease has run out."""
    ids = {"batch": batch.id, "campaign": batch.campaign_id, "workspace": batch.workspace_id}
    try:
        judged, unclear = _judge(journals, batch)
        db.session.commit()
    except (FenceError, OSError):  # one batch must not keep back the others
        db.session.rollback()
        log.exception("lease not taken back", **ids)
        return
    log.warning("lease taken back", **ids)
    found.batches += 1
    found.unconfirmed += unclear
    found.recorded += len(judged.sent) + len(judged.others) - unclear
    found.given_back += judged.not_sent


def _judge(journals: Path, batch: Row[Any]) -> tuple[Judgement, int]:
    """Write down what became of a taken batch; gives that, and how many are unclear."""
    turns = _open_window(batch.id, batch.opened_through)
    facts = _read(journals, batch.journal)
    whole = facts is not None and journal_names.is_whole(batch.journal)
    judged = judge_by(facts or {}, turns, whole=whole)
    finish(Ref(batch.workspace_id), {batch.id: batch.fence}, judged, turns)
    unclear = [r.message_id for r in judged.others if r.status == MessageStatus.UNCONFIRMED]
    if unclear and batch.journal:
        _note_loss(batch, unclear)
    return judged, len(unclear)


def _note_loss(batch: Row[Any], message_ids: list[int]) -> None:
    db.session.execute(
        _NOTE_LOSS,
        {
            "workspace": batch.workspace_id,
            "campaign": batch.campaign_id,
            "batch": batch.id,
            "journal": batch.journal,
            "ids": message_ids,
        },
    )


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # its drain has ended meanwhile
        return time.time()


def _read(journals: Path, name: str) -> Facts | None:
    """The journal's facts; None when there is no journal to ask."""
    path = journals / Path(name).name
    return journal.read(path) if name and path.is_file() else None


def _open_window(batch_id: int, through: int | None) -> dict[int, Turn]:
    if through is None:
        return {}
    return turns_of(db.session.execute(_OPEN_WINDOW, {"batch": batch_id, "through": through}))


def _outcome(message_id: int, facts: Facts) -> Outcome:
    if message_id not in facts:
        return Outcome(message_id, Fate.NOT_SENT)
    reply = facts[message_id]
    if reply is None:
        return Outcome(message_id, Fate.UNCONFIRMED, Phase.DOT)
    fate = Fate.ACCEPTED if reply.code < 300 else Fate.REFUSED
    return Outcome(message_id, fate, Phase.DOT, reply)


def _ended(result: Result) -> Result:
    """The words for a message without an answer: no connection ended, its process did."""
    if result.status != MessageStatus.UNCONFIRMED:
        return result
    words = "The sending process ended before the server's answer could be noted."
    return replace(result, phase=unconfirmed.ENDED, reply=words)


def _lost(message_id: int) -> Result:
    words = "The worker was lost together with its journal."
    status = MessageStatus.UNCONFIRMED
    return Result(message_id, status, attempts=1, phase=unconfirmed.LOST, reply=words)
