"""Reading an upload for the form that matches its columns."""

from __future__ import annotations

import pytest
from flask import Flask

from campaign_app.extensions import db
from campaign_app.web import import_columns, import_examples
from tests import factories
from tests.people import Person
from tests.web.importing import an_import, latest, upload


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


def test_a_name_is_offered_once_though_its_halves_are_kept_as_attributes(alice: Person):
    halves = {"first_name": "Ana", "last_name": "Kos", "city": "Split"}
    factories.recipient(alice.workspace, attributes=halves)
    upload(alice)
    page = alice.client.get(f"/imports/{latest(alice).id}/columns").text
    assert 'value="attribute:city"' in page
    assert 'value="attribute:last_name"' not in page
    assert 'value="attribute:first_name"' not in page


def test_examples_show_the_halves_of_a_name_only_where_the_whole_is_not(alice: Person):
    halves = {"first_name": "Ana", "last_name": "Kos"}
    told = [
        {"email": "ana@x.example", "name": "Ana Kos", "attributes": {**halves, "city": "Split"}},
        {"email": "bo@x.example", "name": "", "attributes": halves},
    ]
    shown = import_examples.of_import(an_import(alice, report={"examples": {"new": told}}))
    assert [one.attributes for one in shown["new"]] == [{"city": "Split"}, halves]
