"""Forgetting what nobody will ask for again, some rows at a time."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select, tuple_

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.imports import Import, ImportBatch, ImportState
from campaign_app.models.messages import LostWindow
from campaign_app.models.senders import Sender, SenderUsage
from campaign_app.services import imports

USAGE_KEPT = timedelta(days=2)
"""A day's cap looks back a day; the rest is for a clock that is wrong."""
LOST_KEPT = timedelta(days=7)
"""How long a lost journal is waited for; afterwards only a person can decide."""
SENDERS_AT_ONCE = 200
BATCHES_AT_ONCE = 50
"""Of imports; each is up to a megabyte."""


def forget_usage(*, after: int = 0) -> int | None:
    """Forget what the next senders handed over long ago; where to go on, None at the end.

    The caller commits, and serves every workspace.
    """
    senders = db.session.scalars(
        select(Sender.id)
        .where(Sender.id > after)
        .order_by(Sender.id)
        .limit(SENDERS_AT_ONCE)
        .execution_options(all_workspaces=True)
    ).all()
    if not senders:
        return None
    db.session.execute(
        delete(SenderUsage).where(
            SenderUsage.sender_id.in_(senders), SenderUsage.minute < clock.now() - USAGE_KEPT
        )
    )
    return senders[-1]


def forget_lost_windows() -> None:
    """Give up waiting for journals that were lost long ago; the caller commits."""
    db.session.execute(
        delete(LostWindow)
        .where(LostWindow.created_at < clock.now() - LOST_KEPT)
        .execution_options(all_workspaces=True)
    )


def forget_undo() -> bool:
    """Forget some of what undoing imports of long ago would take; False when nothing is left.

    The caller commits.
    """
    old = (
        select(ImportBatch.import_id, ImportBatch.number)
        .join(Import, Import.id == ImportBatch.import_id)
        .where(
            Import.started_at < clock.now() - imports.KEPT_FOR_UNDO,
            Import.state != ImportState.UNDOING,
        )
        .limit(BATCHES_AT_ONCE)
        .execution_options(all_workspaces=True)
    )
    found = [tuple(row) for row in db.session.execute(old)]
    db.session.execute(
        delete(ImportBatch)
        .where(tuple_(ImportBatch.import_id, ImportBatch.number).in_(found))
        .execution_options(all_workspaces=True)
    )
    return bool(found)
