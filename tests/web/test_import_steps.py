"""The steps of an import before it begins: columns, options, and the check."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.lib.clock import now
from campaign_app.models.imports import EmptyCells, Existing, Import, ImportState
from campaign_app.models.recipients import Group
from tests import factories
from tests.imports import files
from tests.people import Person
from tests.web.importing import CSV, an_import, in_state, latest, upload

AGREED = {"permission": "yes"}
PEOPLE = {
    "new": [{"email": "ana@x.example", "name": "Ana", "attributes": {"city": "Split"}}],
    "updated": [
        {
            "email": "bo@x.example",
            "name": "Bo",
            "attributes": {"city": "Lund"},
            "stored": {"name": "", "attributes": {"city": "Malmö", "plan": "pro"}},
        }
    ],
    "duplicates": [{"row": 7, "email": "ana@x.example"}],
    "suppressed": [{"email": "cy@x.example", "name": "", "attributes": {}}],
    "invalid": [{"row": 9, "value": "dee", "reason": "“dee” has no @.", "remedy": "Add one."}],
}


def checked(person: Person, **values: object) -> Import:
    counts = {"rows": 14, "new": 5, "updated": 4, "unchanged": 2, "duplicates": 2, "invalid": 1}
    report = {**counts, "suppressed": 1, "examples": PEOPLE}
    defaults = {"state": ImportState.CHECKED, "report": report, "permission_at": now()}
    return an_import(person, **{**defaults, **values})


def columns_url(person: Person) -> str:
    upload(person)
    return f"/imports/{latest(person).id}/columns"


def test_another_reading_is_shown_at_once(alice: Person):
    upload(alice, "Name,Mail\nAnn,a@x.com\n")
    url = f"/imports/{latest(alice).id}/columns"
    query = {"encoding": "utf-8", "delimiter": ";", "header_row": "1", "read_as": "utf-8|,|"}
    page = alice.client.get(url, query_string=query).text
    assert "None of the first rows holds an e-mail address" in page
    query = {"encoding": "utf-8", "delimiter": ",", "header_row": "0", "read_as": "utf-8|,|"}
    assert "Column 1" in alice.client.get(url, query_string=query).text


def test_a_sheet_can_be_chosen(alice: Person):
    people = [["email"], ["a@x.com"]]
    upload(alice, files.workbook({"People": people, "Old": [["Mail"], ["old@x.com"]]}))
    url = f"/imports/{latest(alice).id}/columns"
    page = alice.client.get(url, query_string={"sheet": "Old", "header_row": "1"}).text
    assert "old@x.com" in page
    answer = alice.client.get(url, query_string={"sheet": "Lost", "header_row": "1"})
    assert (answer.status_code, "no sheet called “Lost”" in answer.text) == (422, True)


def test_columns_are_kept_and_lead_to_the_options(alice: Person):
    url = columns_url(alice)
    form = {"target-1": "ignore", "target-2": "name", "key-3": "town"}
    answer = alice.client.post(url, data=form)
    row = latest(alice)
    assert answer.location == f"/imports/{row.id}/options"
    assert [entry["target"] for entry in row.mapping] == ["email", "ignore", "name", "attribute"]
    assert (row.mapping[3]["key"], row.matched) == ("town", True)
    assert "town" in alice.client.get(answer.location).text


def test_a_column_can_become_an_attribute_that_is_known(alice: Person):
    factories.recipient(alice.workspace, attributes={"home_town": "Pula"})
    url = columns_url(alice)
    assert 'value="attribute:home_town"' in alice.client.get(url).text
    alice.client.post(url, data={"target-3": "attribute:home_town"})
    assert latest(alice).mapping[3]["key"] == "home_town"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"target-0": "ignore"}, "Choose the column that holds the e-mail addresses"),
        ({"target-1": "email"}, "Two columns are matched to “E-mail address”"),
        ({"key-3": "1 city"}, "Begin with a letter"),
        ({"header_row": "many"}, "The header row must be a number"),
    ],
)
def test_wrong_columns_are_refused_at_their_place(alice: Person, form, words):
    answer = alice.client.post(columns_url(alice), data=form)
    assert (answer.status_code, words in answer.text) == (422, True)
    assert not latest(alice).matched


def test_columns_just_like_the_last_imports_are_passed_over(alice: Person):
    alice.client.post(columns_url(alice), data={"target-3": "ignore"})
    latest(alice).state = ImportState.DONE
    db.session.commit()
    url = columns_url(alice)
    row = latest(alice)
    assert alice.client.get(url).location == f"/imports/{row.id}/options"
    assert (
        "exactly those of your last import" in alice.client.get(url, query_string="change=1").text
    )
    alice.client.post(f"/imports/{row.id}/options", data=AGREED)
    assert (in_state(row), row.matched) == (ImportState.CHECKING, True)
    assert row.mapping[3]["target"] == "ignore"


def test_other_columns_are_not_passed_over(alice: Person):
    alice.client.post(columns_url(alice))
    latest(alice).state = ImportState.DONE
    db.session.commit()
    upload(alice, CSV.replace("Stadt", "Ort"))
    assert alice.client.get(f"/imports/{latest(alice).id}/columns").status_code == 200


def test_options_are_kept_and_the_check_begins(alice: Person):
    group = factories.group(alice.workspace, name="Customers")
    row = an_import(alice, state=ImportState.UPLOADED)
    form = {**AGREED, "existing": "overwrite", "empty_cells": "erase", "tags": "Fair, 2026 ,"}
    more = {"group_ids": group.id, "new_group": "Fair"}
    answer = alice.client.post(f"/imports/{row.id}/options", data={**form, **more})
    assert answer.location == f"/imports/{row.id}/check"
    assert in_state(row) == ImportState.CHECKING
    assert (row.existing, row.empty_cells) == (Existing.OVERWRITE, EmptyCells.ERASE)
    assert row.tags == ["2026", "fair"]
    names = db.session.scalars(
        select(Group.name).where(
            Group.workspace_id == alice.workspace.id, Group.id.in_(row.group_ids)
        )
    )
    assert sorted(names) == ["Customers", "Fair"]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "Confirm that these people agreed"),
        ({**AGREED, "tags": "x" * 51}, "A tag can have 50 characters"),
        ({**AGREED, "new_group": "x" * 101}, "100 characters"),
    ],
)
def test_wrong_options_are_refused_at_their_place_and_kept(alice: Person, form, words):
    row = an_import(alice, state=ImportState.UPLOADED)
    form = {"existing": "fill", **form}
    answer = alice.client.post(f"/imports/{row.id}/options", data=form)
    assert (answer.status_code, words in answer.text) == (422, True)
    assert 'value="fill" checked' in answer.text
    assert in_state(row) == ImportState.UPLOADED


def test_going_back_to_the_columns_loses_nothing(alice: Person):
    row = an_import(alice, state=ImportState.UPLOADED)
    form = {"go": "columns", "tags": "fair", "existing": "skip"}
    answer = alice.client.post(f"/imports/{row.id}/options", data=form)
    assert answer.location == f"/imports/{row.id}/columns?change=1"
    assert in_state(row) == ImportState.UPLOADED
    assert (row.tags, row.existing) == (["fair"], Existing.SKIP)


def test_a_check_stays_good_while_nothing_changes(alice: Person):
    row = checked(alice, tags=["fair"])
    form = {**AGREED, "existing": "overwrite", "empty_cells": "keep", "tags": "fair"}
    answer = alice.client.post(f"/imports/{row.id}/options", data=form)
    assert (answer.location, in_state(row)) == (f"/imports/{row.id}/check", ImportState.CHECKED)
    alice.client.post(f"/imports/{row.id}/options", data={**form, "tags": ""})
    assert (in_state(row), row.report) == (ImportState.CHECKING, {})


def test_options_need_columns_that_can_be_read(alice: Person):
    row = an_import(alice, state=ImportState.UPLOADED, mapping=[])
    answer = alice.client.get(f"/imports/{row.id}/options")
    assert answer.location == f"/imports/{row.id}/columns?change=1"


def test_a_check_that_broke_says_why(alice: Person):
    row = an_import(alice, state=ImportState.UPLOADED, error="Near row 7 a quotation mark opens.")
    assert (
        "Near row 7 a quotation mark opens." in alice.client.get(f"/imports/{row.id}/options").text
    )


def test_a_running_check_can_be_watched_and_stopped(alice: Person):
    row = an_import(alice, state=ImportState.CHECKING, heartbeat_at=now())
    page = alice.client.get(f"/imports/{row.id}/check").text
    assert f"/imports/{row.id}/live.json" in page
    assert "Waiting for a worker" in page
    answer = alice.client.post(f"/imports/{row.id}/stop")
    assert (answer.location, in_state(row)) == (f"/imports/{row.id}/options", ImportState.UPLOADED)


def test_the_findings_are_exact_and_add_up(alice: Person):
    page = alice.client.get(f"/imports/{checked(alice).id}/check").text
    assert (
        "14 rows</strong> = 5 new + 4 updated + 2 unchanged + 2 listed twice + 1 rejected" in page
    )
    assert "1</strong> of the 11 new, updated and unchanged people has unsubscribed" in page
    for words in ("ana@x.example", "row 7", "<del>Malmö</del>", "<ins>Lund</ins>", "<ins>Bo</ins>"):
        assert words in page
    assert "plan" not in page.partition("People who are updated")[2].partition("</details>")[0]


def test_what_empty_cells_erase_is_shown(alice: Person):
    columns = [("Mail", "email", ""), ("City", "attribute", "city"), ("Plan", "attribute", "plan")]
    row = checked(
        alice,
        empty_cells=EmptyCells.ERASE,
        mapping=[{"header": h, "target": t, "key": k} for h, t, k in columns],
    )
    assert "<del>pro</del>" in alice.client.get(f"/imports/{row.id}/check").text


def test_what_was_checked_is_imported(alice: Person):
    row = checked(alice)
    assert "Start the import" in alice.client.get(f"/imports/{row.id}/check").text
    answer = alice.client.post(f"/imports/{row.id}/start")
    assert (answer.location, in_state(row)) == (f"/imports/{row.id}", ImportState.WAITING)
    assert alice.client.post(f"/imports/{row.id}/start").location == f"/imports/{row.id}"


def test_nothing_is_imported_without_a_permission(alice: Person):
    row = checked(alice, permission_at=None)
    answer = alice.client.post(f"/imports/{row.id}/start")
    assert answer.location == f"/imports/{row.id}/options"
    assert "Confirm that these people agreed" in alice.client.get(answer.location).text


def test_a_file_without_people_cannot_be_imported(alice: Person):
    report = dict.fromkeys(("new", "updated", "unchanged", "duplicates", "suppressed"), 0)
    row = checked(alice, report={**report, "rows": 3, "invalid": 3})
    page = alice.client.get(f"/imports/{row.id}/check").text
    assert "No row has a usable address" in page
    assert "Start the import" not in page


@pytest.mark.parametrize(
    ("state", "place"),
    [
        (ImportState.UPLOADED, "/options"),
        (ImportState.CHECKING, "/check"),
        (ImportState.CHECKED, "/check"),
        (ImportState.RUNNING, ""),
        (ImportState.UNDONE, ""),
    ],
)
def test_every_address_leads_to_where_the_import_stands(alice: Person, state, place):
    row = checked(alice, state=state)
    url, open_pages = f"/imports/{row.id}", {"", "/columns", "/options", "/check"}
    for page in open_pages:
        answer = alice.client.get(f"{url}{page}", query_string="change=1")
        if answer.status_code == 302:
            assert answer.location == f"{url}{place}"
    assert alice.client.get(f"{url}{place}").status_code == 200


def test_a_viewer_looks_but_does_not_change(alice: Person, app):
    viewer = Person.enter(
        app, factories.membership(name="Vera", role="viewer", workspace=alice.workspace)
    )
    row = checked(alice)
    for page, button in (("options", "Check the file"), ("check", "Start the import")):
        answer = viewer.client.get(f"/imports/{row.id}/{page}")
        assert (answer.status_code, button in answer.text) == (200, False)
    for action in ("columns", "options", "start", "undo"):
        assert viewer.client.post(f"/imports/{row.id}/{action}").status_code == 403


@pytest.mark.parametrize("page", ["", "/columns", "/options", "/check", "/live.json"])
def test_a_stranger_sees_none_of_it(alice: Person, charlie: Person, page):
    row = checked(alice)
    assert charlie.client.get(f"/imports/{row.id}{page}").status_code == 404


@pytest.mark.parametrize("action", ["columns", "options", "start", "stop", "discard"])
def test_a_stranger_changes_none_of_it(alice: Person, charlie: Person, action):
    row = checked(alice)
    assert charlie.client.post(f"/imports/{row.id}/{action}", data=AGREED).status_code == 404
    assert in_state(row) == ImportState.CHECKED


def test_an_import_joins_no_strangers_group(alice: Person, charlie: Person):
    group = factories.group(alice.workspace)
    row = an_import(charlie, state=ImportState.UPLOADED)
    form = {**AGREED, "group_ids": group.id}
    charlie.client.post(f"/imports/{row.id}/options", data=form)
    assert (in_state(row), row.group_ids) == (ImportState.CHECKING, [])
