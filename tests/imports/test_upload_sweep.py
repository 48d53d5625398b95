"""What uploads leave behind goes in its time, and nothing else does."""

from __future__ import annotations

import io
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from campaign_app.extensions import db
from campaign_app.imports import upload_sweep
from campaign_app.imports.upload_sweep import sweep
from campaign_app.lib import clock
from campaign_app.lib.stores import Stores
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.people import Workspace
from campaign_app.models.uploads import Upload, UploadState
from tests import factories
from tests.imports import files

OLD = timedelta(days=40)


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return files.stores(tmp_path)


def age(path: Path, by: timedelta) -> None:
    moment = (clock.now() - by).timestamp()
    os.utime(path, (moment, moment))


def begun(workspace: Workspace, stores: Stores, *, expires_at: datetime) -> Upload:
    plan = stores.folder.begin(10)
    return factories.upload(workspace, storage_key=plan.key, expires_at=expires_at)


def an_import(workspace: Workspace, stores: Stores, state: ImportState, *, days: int) -> Import:
    key, size = stores.keep(io.BytesIO(b"email\n"))
    row = Import(workspace_id=workspace.id, filename="x", storage_key=key, size=size, state=state)
    row.finished_at = clock.now() - timedelta(days=days)
    return factories.save(row)


def is_there(stores: Stores, key: str) -> bool:
    return (stores.state_path / key).exists()


def test_unfinished_uploads_are_given_up_when_they_expire(workspace: Workspace, stores: Stores):
    old = begun(workspace, stores, expires_at=clock.now() - timedelta(hours=2))
    young = begun(workspace, stores, expires_at=clock.now() + timedelta(hours=2))
    sweep(stores)
    db.session.expire_all()
    assert (old.state, young.state) == (UploadState.ABORTED, UploadState.OPEN)
    left = [path.name for path in (stores.state_path / "uploads/parts").iterdir()]
    assert left == [young.storage_key.rpartition("/")[2]]


def test_rows_of_uploads_that_are_over_are_forgotten(workspace: Workspace, stores: Stores):
    over = {"state": UploadState.COMPLETE}
    old = factories.upload(workspace, expires_at=clock.now() - OLD, **over).id
    young = factories.upload(workspace, **over).id
    sweep(stores)
    kept = {row.id for row in db.session.query(Upload).filter_by(workspace_id=workspace.id)}
    assert (old in kept, young in kept) == (False, True)


@pytest.mark.parametrize("state", [ImportState.FAILED, ImportState.STOPPED])
def test_files_of_imports_that_ended_early_go_after_a_month(
    workspace: Workspace, stores: Stores, state: ImportState
):
    old, young = (an_import(workspace, stores, state, days=days) for days in (31, 29))
    keys = old.storage_key, young.storage_key
    sweep(stores)
    db.session.expire_all()
    assert [is_there(stores, key) for key in keys] == [False, True]
    assert (old.storage_key, young.storage_key) == ("", keys[1])


def test_files_without_a_row_go_after_a_week(workspace: Workspace, stores: Stores):
    waiting = an_import(workspace, stores, ImportState.WAITING, days=0).storage_key
    lost, fresh = (stores.keep(io.BytesIO(b"x"))[0] for _ in range(2))
    for key in (waiting, lost):
        age(stores.state_path / key, OLD)
    sweep(stores)
    assert [is_there(stores, key) for key in (waiting, lost, fresh)] == [True, False, True]


def test_rejected_rows_go_with_their_import(workspace: Workspace, stores: Stores):
    row = an_import(workspace, stores, ImportState.DONE, days=40)
    folder = stores.state_path / "rejected"
    folder.mkdir()
    for name in (f"{row.id}.csv", "987654321.csv", "notes.csv"):
        (folder / name).write_text("Row\n")
        age(folder / name, OLD)
    (folder / "987654322.csv").write_text("Row\n")
    sweep(stores)
    assert {path.name for path in folder.iterdir()} == {
        f"{row.id}.csv",
        "notes.csv",
        "987654322.csv",
    }


def test_a_bucket_that_is_away_keeps_the_row_for_the_next_sweep(
    workspace: Workspace, stores: Stores
):
    late = clock.now() - timedelta(hours=2)
    lost = factories.upload(workspace, storage_key="s3:0123", expires_at=late)
    other = begun(workspace, stores, expires_at=late)
    upload_sweep.sweep(stores)
    db.session.expire_all()
    assert (lost.state, other.state) == (UploadState.OPEN, UploadState.ABORTED)
    db.session.delete(lost)
    db.session.commit()
