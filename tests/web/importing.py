"""Imports for the tests of their pages: uploaded by a person, or made as they would be later."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from werkzeug.test import TestResponse

from campaign_app.extensions import db
from campaign_app.lib.clock import now
from campaign_app.models.imports import Import, ImportState
from tests import factories
from tests.people import Person

CSV = "E-Mail;Vorname;Nachname;Stadt\na@x.de;Jörg;Müller;Köln\nb@x.de;Zoë;NA;Zürich\n"


def upload(
    person: Person, content: bytes | str = CSV, name: str = "people.csv", **form: Any
) -> TestResponse:
    """Send a file by the form."""
    body = content if isinstance(content, bytes) else content.encode("cp1252")
    data = {"file": (io.BytesIO(body), name), **form}
    return person.client.post("/imports/new", data=data)


def latest(person: Person) -> Import | None:
    """The person's last import."""
    query = select(Import).where(Import.workspace_id == person.workspace.id)
    return db.session.scalars(query.order_by(Import.id.desc())).first()


def an_import(person: Person, **values: Any) -> Import:
    """An import that is done, unless told otherwise."""
    defaults = {
        "filename": "people.csv",
        "storage_key": "uploads/gone",
        "size": 1000,
        "options": {"kind": "csv", "encoding": "utf-8", "delimiter": ","},
        "mapping": [{"header": "Mail", "target": "email", "key": ""}],
        "matched": True,
        "user_id": person.user.id,
        "state": ImportState.DONE,
        "started_at": now() - timedelta(minutes=1),
        "finished_at": now(),
    }
    return factories.save(Import(workspace_id=person.workspace.id, **{**defaults, **values}))


def in_state(row: Import) -> ImportState:
    """Its state as the database has it now."""
    db.session.refresh(row)
    return row.state
