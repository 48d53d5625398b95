"""The pages of an import: upload, columns, progress, result."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.lib.clock import now
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.recipients import Group
from tests import factories
from tests.imports import files
from tests.slow import SlowBody

CSV = "E-Mail;Vorname;Nachname;Stadt\na@x.de;Jörg;Müller;Köln\nb@x.de;Zoë;NA;Zürich\n"


def upload(person, content: bytes | str = CSV, name: str = "people.csv", **form):
    body = content if isinstance(content, bytes) else content.encode("cp1252")
    data = {"file": (io.BytesIO(body), name), **form}
    return person.client.post("/imports/new", data=data)


def latest(person) -> Import:
    query = select(Import).where(Import.workspace_id == person.workspace.id)
    return db.session.scalars(query.order_by(Import.id.desc())).first()


def an_import(person, **values) -> Import:
    defaults = {"filename": "people.csv", "storage_key": "uploads/gone", "size": 1000}
    values = {**defaults, "state": ImportState.DONE, "finished_at": now(), **values}
    return factories.save(Import(workspace_id=person.workspace.id, **values))


def test_before_the_first_upload_the_list_says_what_to_do(alice):
    page = alice.client.get("/imports/").text
    assert "No lists yet" in page
    assert "/imports/new" in page


def test_an_upload_leads_to_its_columns_with_values_and_a_proposal(alice):
    answer = upload(alice, name="lists/people.csv")
    row = latest(alice)
    assert answer.location == f"/imports/{row.id}/columns"
    assert row.filename == "people.csv"
    page = alice.client.get(answer.location).text
    for text in ("Vorname", "Jörg", "Zürich", "NA", "Western European (Windows)", "Semicolon ;"):
        assert text in page
    assert [entry["target"] for entry in row.mapping] == [
        "email", "first_name", "last_name", "attribute"
    ]  # fmt: skip


def test_no_transaction_waits_for_an_upload(alice):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\n\r\n'
    body = SlowBody(head + CSV.encode("cp1252") + b"\r\n--x--\r\n")
    answer = alice.client.post(
        "/imports/new",
        input_stream=body,
        content_length=len(body.getvalue()),
        content_type="multipart/form-data; boundary=x",
    )
    assert "/columns" in answer.location
    assert not body.was_waited_for


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "This file is empty"),
        (files.zipped({"people.csv": CSV}), ".zip archive"),
        (b"%PDF-1.7", "This is a PDF"),
        (b"email,name\n", "no rows below the header row"),
    ],
)
def test_a_wrong_file_is_refused_where_it_was_chosen(alice, config, content, words):
    kept = set(Path(config.state_dir).rglob("uploads/*"))
    answer = upload(alice, content, "people.xlsx")
    assert answer.status_code == 422
    assert words in answer.text
    assert "data-upload" in answer.text
    assert latest(alice) is None
    assert set(Path(config.state_dir).rglob("uploads/*")) == kept


def test_no_file_at_all_is_said_so(alice):
    answer = alice.client.post("/imports/new", data={})
    assert (answer.status_code, "Choose a file first" in answer.text) == (422, True)


def test_a_file_above_the_limit_is_answered_413(alice, app, monkeypatch):
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 1000)
    answer = upload(alice, CSV * 100)
    assert answer.status_code == 413
    assert "larger than this server accepts" in answer.text


def test_another_reading_is_shown_at_once(alice):
    upload(alice, "Name,Mail\nAnn,a@x.com\n")
    url = f"/imports/{latest(alice).id}/columns"
    query = {"encoding": "utf-8", "delimiter": ";", "header_row": "1", "read_as": "utf-8|,|"}
    page = alice.client.get(url, query_string=query).text
    assert "None of the first rows holds an e-mail address" in page
    query = {"encoding": "utf-8", "delimiter": ",", "header_row": "0", "read_as": "utf-8|,|"}
    assert "Column 1" in alice.client.get(url, query_string=query).text


def test_a_sheet_can_be_chosen(alice):
    people = [["email"], ["a@x.com"]]
    upload(alice, files.workbook({"People": people, "Old": [["Mail"], ["old@x.com"]]}))
    url = f"/imports/{latest(alice).id}/columns"
    page = alice.client.get(url, query_string={"sheet": "Old", "header_row": "1"}).text
    assert "old@x.com" in page
    answer = alice.client.get(url, query_string={"sheet": "Lost", "header_row": "1"})
    assert (answer.status_code, "no sheet called “Lost”" in answer.text) == (422, True)


def test_starting_saves_the_choice_and_leads_to_the_progress(alice):
    group = factories.group(alice.workspace, name="Customers")
    upload(alice)
    row = latest(alice)
    form = {"target-1": "ignore", "target-2": "name", "key-3": "town", "new_group": "Fair"}
    answer = alice.client.post(f"/imports/{row.id}/columns", data={**form, "group_ids": group.id})
    assert answer.location == f"/imports/{row.id}"
    db.session.refresh(row)
    assert row.state == ImportState.WAITING
    assert [entry["target"] for entry in row.mapping] == ["email", "ignore", "name", "attribute"]
    assert row.mapping[3]["key"] == "town"
    fair = db.session.scalars(
        select(Group.id).where(Group.workspace_id == alice.workspace.id, Group.name == "Fair")
    ).one()
    assert row.group_ids == [group.id, fair]
    assert "Waiting for a free worker" in alice.client.get(answer.location).text


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"target-0": "ignore"}, "Choose the column that holds the e-mail addresses"),
        ({"target-1": "email"}, "Two columns are matched to “E-mail address”"),
        ({"key-3": "1 city"}, "Begin with a letter"),
        ({"new_group": "x" * 101}, "100 characters"),
        ({"header_row": "many"}, "The header row must be a number"),
    ],
)
def test_a_wrong_choice_is_refused_at_its_place_and_kept(alice, form, words):
    upload(alice)
    row = latest(alice)
    answer = alice.client.post(f"/imports/{row.id}/columns", data=form)
    assert answer.status_code == 422
    assert words in answer.text
    db.session.refresh(row)
    assert row.state == ImportState.UPLOADED


def test_the_progress_page_is_fed_by_figures(alice):
    row = an_import(
        alice, state=ImportState.RUNNING, bytes_read=500, rows=42, new=40, started_at=now(),
        heartbeat_at=now(), finished_at=None,
    )  # fmt: skip
    assert f"/imports/{row.id}/live.json" in alice.client.get(f"/imports/{row.id}").text
    answer = alice.client.get(f"/imports/{row.id}/live.json")
    figures = answer.json
    assert (figures["state"], figures["percent"], figures["new"]) == ("running", 50.0, 40)
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert alice.client.get(f"/imports/{row.id}/live.json", headers=etag).status_code == 304


def test_an_import_can_be_stopped_and_gone_on_with(alice):
    row = an_import(alice, state=ImportState.WAITING)
    alice.client.post(f"/imports/{row.id}/stop")
    db.session.refresh(row)
    assert row.state == ImportState.STOPPED
    assert "Go on" in alice.client.get(f"/imports/{row.id}").text
    alice.client.post(f"/imports/{row.id}/start")
    db.session.refresh(row)
    assert row.state == ImportState.WAITING


def test_the_result_says_what_became_of_every_row(alice, config):
    row = an_import(
        alice, rows=10, new=5, duplicates=2, invalid=3, suppressed=1, rejected_key="rejected/t.csv",
        options={"kind": "csv", "encoding": "cp1252"},
    )  # fmt: skip
    page = alice.client.get(f"/imports/{row.id}").text
    for text in ("1</strong> person is unsubscribed", "2</strong> rows repeat", "3</strong> rows"):
        assert text in page
    path = Path(config.state_dir) / "rejected" / "t.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("Row,Column,Value,Reason\n")
    answer = alice.client.get(f"/imports/{row.id}/rejected.csv")
    assert "people - rejected rows.csv" in answer.headers["Content-Disposition"]
    answer.close()


def test_a_failure_is_shown_with_its_reason(alice):
    row = an_import(alice, state=ImportState.FAILED, error="Near row 7 a quotation mark opens.")
    row.options = {"kind": "csv", "encoding": "utf-8"}
    page = alice.client.get(f"/imports/{row.id}").text
    assert "Near row 7 a quotation mark opens." in page
    assert "Try again" in page


def test_an_upload_can_be_discarded_with_its_file(alice, config):
    upload(alice)
    row = latest(alice)
    path = Path(config.state_dir) / row.storage_key
    assert path.exists()
    alice.client.post(f"/imports/{row.id}/discard")
    assert latest(alice) is None
    assert not path.exists()


@pytest.mark.parametrize("page", ["", "/columns", "/live.json", "/rejected.csv"])
def test_a_stranger_sees_none_of_it(alice, charlie, page):
    row = an_import(alice, rejected_key="rejected/x.csv")
    assert charlie.client.get(f"/imports/{row.id}{page}").status_code == 404


@pytest.mark.parametrize("action", ["columns", "start", "stop", "discard"])
def test_a_stranger_changes_none_of_it(alice, charlie, action):
    row = an_import(alice, state=ImportState.UPLOADED)
    assert charlie.client.post(f"/imports/{row.id}/{action}").status_code == 404
    db.session.refresh(row)
    assert row.state == ImportState.UPLOADED
