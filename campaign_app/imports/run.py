"""The background work of imports: claimed by one worker, done, and its failures told.

What the work is, the import's state says: the import itself, its dry run, or its undoing. All three
can be taken over when their worker dies.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import IntEnum

from sqlalchemy import delete
from sqlalchemy.exc import InterfaceError, OperationalError

from campaign_app.extensions import db
from campaign_app.imports import checking, claims, importing, undoing
from campaign_app.imports.claims import LostClaimError
from campaign_app.imports.job import Job, Turn
from campaign_app.lib import logs
from campaign_app.lib.clock import now
from campaign_app.lib.errors import CarillonError
from campaign_app.lib.stores import Stores
from campaign_app.models.imports import Import, ImportState
from campaign_app.services import imports

KEEP_UPLOADS = timedelta(days=7)
OUR_FAULT = (
    "Something went wrong on our side, and the import was halted. Start it again: nobody is added"
    " twice."
)
WORK = {
    ImportState.RUNNING: importing.work,
    ImportState.CHECKING: checking.work,
    ImportState.UNDOING: undoing.work,
}

log = logs.get(__name__)


class Outcome(IntEnum):
    """What came of a call. Only the first is false: another worker has the import."""

    NOT_OURS = 0
    ENDED = 1
    PUT_BACK = 2
    """Others waited. The caller rings for the rest."""


def nobody() -> bool:
    """Nobody waits for a worker."""
    return False


def run(import_id: int, *, stores: Stores, others_wait: Callable[[], bool] = nobody) -> Outcome:
    """Do what an import waits for. `others_wait` tells whether there is other work.

    A file that cannot be read ends as `failed`, with its message in the row. A database that
    cannot be reached is raised: the claim goes stale and another worker takes over.
    """
    with db.engine.connect() as connection:
        claim = claims.claim(connection, import_id)
        connection.commit()
        if claim is None:
            return Outcome.NOT_OURS
        job = Job(connection, import_id, claim, stores, Turn(others_wait))
        state = None
        try:
            with claims.kept_alive(db.engine, import_id, claim.token):
                state = WORK[claim.state](job)
        except LostClaimError:
            connection.rollback()
            log.warning("import taken over", import_id=import_id)
        except (OperationalError, InterfaceError):
            raise
        except CarillonError as error:
            job.fail(error.message)
        except Exception:
            log.exception("import failed", import_id=import_id)
            job.fail(OUR_FAULT)
    return Outcome.PUT_BACK if state == ImportState.WAITING else Outcome.ENDED


def abandoned() -> list[int]:
    """The ids of imports that no worker has, though one should."""
    with db.engine.connect() as connection:
        return claims.abandoned(connection)


def tidy(stores: Stores) -> None:
    """Remove uploads that nobody has started within a week, and their files."""
    old = (Import.state.in_(imports.OPEN), Import.created_at < now() - KEEP_UPLOADS)
    with db.engine.begin() as connection:
        keys = connection.scalars(delete(Import).where(*old).returning(Import.storage_key)).all()
    for key in keys:
        stores.discard(key)
