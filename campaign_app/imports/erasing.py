"""Taking a person out of the files of rejected rows."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId
from campaign_app.models.imports import Import, ImportState


def rejected_files(workspace: HasId, state_path: Path) -> list[Path]:
    """The files of the workspace's rejected rows, but for those that an import is writing."""
    keys = db.session.scalars(
        select(Import.rejected_key).where(
            Import.workspace_id == workspace.id,
            Import.rejected_key != "",
            Import.state.not_in((ImportState.CHECKING, ImportState.WAITING, ImportState.RUNNING)),
        )
    )
    paths = (state_path / key for key in keys)
    return [path for path in paths if path.is_file()]


def forget(path: Path, email: str) -> int:
    """Leave out every row that names the address; gives how many. The file changes as a whole."""
    fresh, left_out = path.with_suffix(f".{os.getpid()}.tmp"), 0
    with (
        path.open(encoding="utf-8-sig", newline="") as old,
        fresh.open("w", encoding="utf-8-sig", newline="") as new,
    ):
        writer = csv.writer(new)
        for row in csv.reader(old):
            if any(email in cell.lower() for cell in row):
                left_out += 1
            else:
                writer.writerow(row)
    if left_out:
        fresh.replace(path)
    else:
        fresh.unlink()
    return left_out
