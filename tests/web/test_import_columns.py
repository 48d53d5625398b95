"""Reading an upload for the form that matches its columns."""

from __future__ import annotations

import pytest
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


@pytest.mark.parametrize(("encoding", "is_chosen"), [("cp1252", False), ("cp1250", True)])
def test_an_encoding_that_a_person_sets_right_is_their_own(
    alice: Person, encoding: str, is_chosen: bool
):
    upload(alice)
    row = latest(alice)
    form = {"encoding": encoding, "delimiter": ";", "header_row": "1", "read_as": "cp1252|;|"}
    for _ in range(2):  # saying it again changes nothing
        assert alice.client.post(f"/imports/{row.id}/columns", data=form).location
        db.session.refresh(row)
        assert row.options["encoding"] == encoding
        assert row.options["encoding_chosen"] == is_chosen
