"""What uploads leave behind: parts that nobody completes, files that nobody will read again.

Each step can be repeated, and one that fails keeps the others from nothing: the next sweep tries
again.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, select, update

from campaign_app.extensions import db
from campaign_app.lib import clock, logs
from campaign_app.lib.errors import CarillonError
from campaign_app.lib.stores import Stores
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.uploads import Upload, UploadState

GRACE = timedelta(hours=1)
"""Whoever completed an upload in its last second has it behind them by then."""
ROWS_KEPT = timedelta(days=7)
FILES_KEPT = timedelta(days=30)
"""How long a failed or stopped import can be gone on with."""
LEFTOVERS_KEPT = timedelta(days=7)
"""A file without a row may be one that is just being taken in; this long it is not."""
AT_ONCE = 200
ALL = {"all_workspaces": True}

log = logs.get(__name__)


def sweep(stores: Stores) -> None:
    """Do it all, for every workspace."""
    for upload in _expired():
        _give_up(stores, upload)
    _forget_rows()
    _drop_old_files(stores)
    _drop_rejected_rows(stores.state_path / "rejected")
    stores.drop_leftovers(_known_keys(), older_than=LEFTOVERS_KEPT)


def _expired() -> list[Upload]:
    return list(
        db.session.scalars(
            select(Upload)
            .where(Upload.state == UploadState.OPEN, Upload.expires_at < clock.now() - GRACE)
            .order_by(Upload.expires_at)
            .limit(AT_ONCE)
            .execution_options(**ALL)
        )
    )


def _give_up(stores: Stores, upload: Upload) -> None:
    """The parts first: a row that is still open is found again when the bucket is away."""
    upload_id, plan = upload.id, upload.plan
    db.session.commit()
    try:
        stores.of(plan.key).abort(plan)
    except CarillonError as error:
        log.warning("upload not removed", upload_id=upload_id, reason=error.message)
        return
    db.session.execute(
        update(Upload)
        .where(Upload.id == upload_id, Upload.state == UploadState.OPEN)
        .values(state=UploadState.ABORTED)
        .execution_options(**ALL)
    )
    db.session.commit()


def _forget_rows() -> None:
    db.session.execute(
        delete(Upload)
        .where(Upload.state != UploadState.OPEN, Upload.expires_at < clock.now() - ROWS_KEPT)
        .execution_options(**ALL)
    )
    db.session.commit()


def _drop_old_files(stores: Stores) -> None:
    """The files of imports that ended early and were not gone on with."""
    old = db.session.execute(
        select(Import.id, Import.storage_key)
        .where(
            Import.state.in_((ImportState.FAILED, ImportState.STOPPED)),
            Import.finished_at < clock.now() - FILES_KEPT,
            Import.storage_key != "",
        )
        .limit(AT_ONCE)
        .execution_options(**ALL)
    ).all()
    db.session.commit()
    for import_id, key in old:
        with contextlib.suppress(CarillonError):
            stores.discard(key)
            db.session.execute(
                update(Import)
                .where(Import.id == import_id, Import.storage_key == key)
                .values(storage_key="")
                .execution_options(**ALL)
            )
            db.session.commit()


def _drop_rejected_rows(folder: Path) -> None:
    """The reports of imports that are gone."""
    before = (clock.now() - LEFTOVERS_KEPT).timestamp()
    paths = {
        int(path.stem): path
        for path in (folder.glob("*.csv") if folder.is_dir() else ())
        if path.stem.isdigit() and path.stat().st_mtime < before
    }
    known = set(
        db.session.scalars(select(Import.id).where(Import.id.in_(paths)).execution_options(**ALL))
    )
    for import_id in paths.keys() - known:
        paths[import_id].unlink(missing_ok=True)
    db.session.commit()


def _known_keys() -> set[str]:
    """Where a file may lie for a reason."""
    uploads = select(Upload.storage_key).where(Upload.state == UploadState.OPEN)
    imports = select(Import.storage_key).where(
        Import.storage_key != "", Import.state != ImportState.DONE
    )
    keys = db.session.scalars(uploads.union_all(imports).execution_options(**ALL))
    known = set(keys)
    db.session.commit()
    return known
