"""Journals that turn up after their batches were taken back without them.

The dispatcher may run on another host than the worker that died, and a host or a volume may come
back later. Whoever sees such a journal settles what it is about, and nothing else: the messages of
its own lost windows, as long as they are unconfirmed and where they were, for a person's "send
again" moves them away. The journal may be read any number of times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select, text

from campaign_app.extensions import db
from campaign_app.lib import logs
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.messages import MessageStatus
from campaign_app.sending import journal, journal_names, recover
from campaign_app.sending.recover import Facts
from campaign_app.sending.troubles import Ref
from campaign_app.services import audit, regroup, reopening

log = logs.get(__name__)

_WINDOWS = text(
    """
    SELECT id, workspace_id, campaign_id, batch_id, journal, message_ids, created_at
    FROM lost_windows
    WHERE journal = ANY(:names)
      AND campaign_id = COALESCE(CAST(:campaign AS bigint), campaign_id)
    ORDER BY id
    """
)
_UNCLEAR = text(
    """
    SELECT id FROM messages
    WHERE id = ANY(:ids) AND batch_id = :batch AND status = 'unconfirmed' ORDER BY id
    """
)
_LOCK = text("SELECT id FROM messages WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
_MOVED = text("SELECT id, batch_id, address, attempts, breaks FROM messages WHERE id = ANY(:ids)")
_HOLD = text(
    """
    UPDATE batches
    SET state = 'sending', fence = fence + 1, lease_until = now() + interval '1 minute'
    WHERE id = ANY(:ids) RETURNING id, fence
    """
)
_SENT_THEN = text("UPDATE messages SET sent_at = :moment WHERE id = ANY(:ids)")
_FORGET = text("DELETE FROM lost_windows WHERE id = :id")


@dataclass(slots=True)
class Settled:
    """What late journals could tell, in messages."""

    sent: int = 0
    given_back: int = 0
    refused: int = 0
    campaigns: set[int] = field(default_factory=set)
    """Those that changed."""

    @property
    def messages(self) -> int:
        """All of them."""
        return self.sent + self.given_back + self.refused


def settle(journals: Path, *, campaign_id: int | None = None) -> Settled:
    """Settle what the folder's journals can tell of lost windows; a transaction for each."""
    settled = Settled()
    names = journal_names.present(journals)
    if not names:
        return settled
    values = {"names": names, "campaign": campaign_id}
    windows = db.session.execute(_WINDOWS, values).all()
    db.session.rollback()
    for window in windows:
        try:
            _settle(window, journal.read(journals / window.journal), settled)
            db.session.commit()
        except Exception:  # the next time tries again; one window must not keep back the others
            db.session.rollback()
            log.exception("late journal not settled", journal=window.journal)
    return settled


def _settle(window: Row[Any], facts: Facts, settled: Settled) -> None:
    unclear = _unclear(window)
    if not unclear:
        db.session.execute(_FORGET, {"id": window.id})
        return
    if not _tells(window, facts, unclear):
        return
    campaign = db.session.scalars(
        select(Campaign)
        .where(Campaign.workspace_id == window.workspace_id, Campaign.id == window.campaign_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if campaign is None:
        return
    # Only now is it sure that nobody decides about them at the same moment.
    known = _tells(window, facts, _unclear(window))
    if campaign.sender_id is None and campaign.status != CampaignStatus.CANCELLED:
        known = [one for one in known if _is_accepted(facts, one)]
    if known:
        _write_down(window, facts, known, settled)
        reopening.recount(Ref(window.workspace_id), campaign)
        settled.campaigns.add(campaign.id)


def _unclear(window: Row[Any]) -> list[int]:
    values = {"ids": window.message_ids, "batch": window.batch_id}
    return list(db.session.scalars(_UNCLEAR, values))


def _tells(window: Row[Any], facts: Facts, unclear: list[int]) -> list[int]:
    """Those of the messages whose fate the journal knows."""
    whole = journal_names.is_whole(window.journal)
    return [one for one in unclear if (facts[one] is not None if one in facts else whole)]


def _is_accepted(facts: Facts, message_id: int) -> bool:
    reply = facts.get(message_id)
    return reply is not None and reply.code < 300


def _write_down(window: Row[Any], facts: Facts, known: list[int], settled: Settled) -> None:
    """Judge them as they would have been at the time, in batches of their own.

    Their old batch may be in somebody's hands by now.
    """
    db.session.execute(_LOCK, {"ids": known})
    regroup.into_new_batches(known, uncounted=True)
    turns = recover.turns_of(db.session.execute(_MOVED, {"ids": known}))
    judged = recover.judge_by(facts, turns, whole=True)
    batches = sorted({turn.batch_id for turn in turns.values()})
    held = {row.id: row.fence for row in db.session.execute(_HOLD, {"ids": batches})}
    recover.finish(Ref(window.workspace_id), held, judged, turns)
    if judged.sent:
        db.session.execute(_SENT_THEN, {"ids": judged.sent, "moment": window.created_at})
    refused = sum(one.status != MessageStatus.PENDING for one in judged.others)
    _tell(window, Settled(len(judged.sent), judged.not_sent, refused))
    settled.sent += len(judged.sent)
    settled.given_back += judged.not_sent
    settled.refused += refused


def _tell(window: Row[Any], known: Settled) -> None:
    parts = {
        "had been accepted": known.sent,
        "had never left, and will be sent": known.given_back,
        "had been refused": known.refused,
    }
    what = "; ".join(f"{number:,} {fate}" for fate, number in parts.items() if number)
    audit.record(
        Ref(window.workspace_id),
        "campaign.settled",
        f"The notes of a lost worker were found. Of its unconfirmed messages, {what}",
        subject_id=window.campaign_id,
    )
    log.info("late journal", journal=window.journal, campaign=window.campaign_id)
