"""Imports: how far a file of recipients is on its way, and what came of it."""

from __future__ import annotations

from pathlib import Path, PurePath

from flask import current_app, g, url_for
from pydantic import Field

from campaign_app.api.routes import Routes
from campaign_app.api.shapes import Download, Listing, Moment, Out, Paging, listing
from campaign_app.lib.errors import NotFound
from campaign_app.models.imports import Import, ImportState
from campaign_app.services import imports

routes = Routes("imports", load=imports.get)


class ImportOut(Out):
    """A file, and what came of its rows so far.

    `rows` = `new` + `updated` + `unchanged` + `duplicates` + `invalid`. `suppressed` is no part of
    that sum: those people are new, updated or unchanged as well.
    """

    id: int
    filename: str
    state: ImportState = Field(examples=["done"])
    rows: int = Field(description="How many have been read.")
    new: int = Field(description="People who were not on the list.")
    updated: int = Field(description="People who were on the list, and whom the file changed.")
    unchanged: int = Field(description="People who were on the list as the file has them.")
    duplicates: int = Field(description="Rows with an address that another row has, too.")
    invalid: int = Field(
        description="Rows that were rejected: without an address that can be mailed, or of "
        "somebody whose data was erased."
    )
    suppressed: int = Field(
        description="How many of the new, updated and unchanged people are unsubscribed, bounced "
        "or suppressed, and will not be mailed."
    )
    rejected_url: str | None = Field(
        description="The rejected rows as CSV, each with its reason; null when there are none."
    )
    error: str = Field(description="Why it failed.")
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None

    @classmethod
    def of(cls, row: Import) -> ImportOut:
        """The import as it is now."""
        names = [name for name in cls.model_fields if name != "rejected_url"]
        url = url_for("api.imports_rejected", import_id=row.id, _external=True)
        values = {name: getattr(row, name) for name in names}
        return cls(**values, rejected_url=url if _rejects(row).is_file() else None)


@routes.get()
def index(query: Paging) -> Listing[ImportOut]:
    """List the imports, the newest first."""
    found = imports.after(g.workspace, place=query.after, size=query.limit + 1)
    return listing([ImportOut.of(row) for row in found], query)


@routes.get("/<int:import_id>")
def show(row: Import) -> ImportOut:
    """See how far an import is."""
    return ImportOut.of(row)


@routes.get("/<int:import_id>/rejected")
def rejected(row: Import) -> Download:
    """Get the rejected rows as CSV: row, column, value and reason of each."""
    path = _rejects(row)
    if not path.is_file():
        raise NotFound("No row of this import was rejected.")
    return Download(path, f"{PurePath(row.filename).stem} - rejected rows.csv", "text/csv")


def _rejects(row: Import) -> Path:
    state: Path = current_app.extensions["stores"].state_path
    return state / row.rejected_key
