"""Reading an upload for the form that matches its columns."""

from __future__ import annotations

from flask import Flask

from campaign_app.extensions import db
from campaign_app.web import import_columns
from tests.people import Person
from tests.web.importing import latest, upload


def test_no_transaction_waits_for_the_store(app: Flask, alice: Person):
    upload(alice)
    with app.app_context(), import_columns.file_of(latest(alice)) as path:
        assert path.is_file()
        assert not db.session().in_transaction()
