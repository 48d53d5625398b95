"""Whose import it is: claimed by one worker at a time, and written by no other."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, case, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.elements import ColumnElement

from campaign_app.lib.clock import now
from campaign_app.models.imports import Import, ImportState

STALE_SECONDS = 45
"""A worker that has not reported for so long is dead."""
BEAT_SECONDS = 10
AT_WORK = (ImportState.RUNNING, ImportState.CHECKING, ImportState.UNDOING)


class LostClaimError(Exception):
    """Another worker has taken the import over; nothing may be written any more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What proves that an import is ours, and what is to be done with it."""

    token: str
    state: ImportState


def claim(connection: Connection, import_id: int) -> Claim | None:
    """Take work that waits, or whose worker died. None: not ours."""
    token = secrets.token_hex(8)
    moment = now()
    running = case((Import.state == ImportState.WAITING, ImportState.RUNNING), else_=Import.state)
    statement = (
        update(Import)
        .where(Import.id == import_id, _free(moment))
        .values(state=running, worker=token, heartbeat_at=moment)
        .returning(Import.state)
    )
    won = connection.execute(statement).first()
    return Claim(token, ImportState(won.state)) if won else None


def report(connection: Connection, import_id: int, token: str, **values: object) -> bool:
    """Write progress in the batch's own transaction, and tell whether to stop.

    Raises LostClaimError when the claim is gone: the caller's transaction must be rolled back.
    """
    statement = (
        update(Import)
        .where(Import.id == import_id, Import.worker == token, Import.state.in_(AT_WORK))
        .values(heartbeat_at=now(), **values)
        .returning(Import.stop_requested)
    )
    row = connection.execute(statement).first()
    if row is None:
        raise LostClaimError
    return bool(row.stop_requested)


def hold(connection: Connection, import_id: int, token: str) -> None:
    """Let nobody take the import over while this transaction lasts. Raises LostClaimError."""
    ours = (Import.id == import_id, Import.worker == token, Import.state.in_(AT_WORK))
    statement = select(Import.id).where(*ours).with_for_update(read=True)
    if connection.execute(statement).first() is None:
        raise LostClaimError


@contextmanager
def kept_alive(engine: Engine, import_id: int, token: str) -> Iterator[None]:
    """Report every ten seconds meanwhile: a great workbook is silent for a minute at first."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            try:
                with engine.begin() as connection:
                    report(connection, import_id, token)
            except (LostClaimError, SQLAlchemyError):
                return  # the job itself meets the same, and knows what to do

    thread = threading.Thread(target=beat, name="import-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def abandoned(connection: Connection) -> list[int]:
    """Imports that no worker has: the doorbell was lost, or the worker died."""
    statement = select(Import.id).where(_overdue(now())).order_by(Import.id)
    return list(connection.scalars(statement))


def _free(moment: datetime) -> ColumnElement[bool]:
    return or_(
        Import.state == ImportState.WAITING,
        Import.state.in_((ImportState.CHECKING, ImportState.UNDOING)) & (Import.worker == ""),
        _overdue(moment),
    )


def _overdue(moment: datetime) -> ColumnElement[bool]:
    active = Import.state.in_((ImportState.WAITING, *AT_WORK))
    return active & (Import.heartbeat_at < moment - timedelta(seconds=STALE_SECONDS))
