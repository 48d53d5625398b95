"""The pages of imports: uploading, the history, how far one is, what came of it, and its undo."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook

from campaign_app.extensions import db
from campaign_app.lib.clock import now
from campaign_app.models.imports import ImportBatch, ImportState
from tests import factories
from tests.imports import files
from tests.people import Person
from tests.slow import SlowBody
from tests.web.importing import CSV, an_import, in_state, latest, upload


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


def test_the_history_says_when_a_file_has_changed_nothing(alice: Person):
    an_import(alice, rows=3, unchanged=2, invalid=1)
    page = alice.client.get("/imports/").text
    assert "Nothing to change: everybody was as in the file" in page
    assert 'data-label="New"' not in page
    latest(alice).updated = 1
    db.session.commit()
    assert "Nothing to change" not in alice.client.get("/imports/").text


def test_an_imported_persons_page_names_the_import(alice: Person, charlie: Person):
    mine, theirs = an_import(alice, filename="fair.csv"), an_import(charlie, filename="spy.csv")
    pages = [
        alice.client.get(f"/recipients/{factories.recipient(alice.workspace, import_id=one).id}")
        for one in (mine.id, theirs.id, None)
    ]
    link = f'href="/imports/{mine.id}">fair.csv</a>'
    assert [link in page.text for page in pages] == [True, False, False]
    assert ["an import that is gone" in page.text for page in pages] == [False, True, False]
    assert not any("spy.csv" in page.text for page in pages)


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


def test_a_silent_worker_is_waited_for_visibly(alice: Person):
    quiet = now() - timedelta(seconds=40)
    row = an_import(
        alice, state=ImportState.RUNNING, worker="w", heartbeat_at=quiet, finished_at=None,
        rows=10, bytes_read=500,
    )  # fmt: skip
    page = alice.client.get(f"/imports/{row.id}").text
    assert 'data-live-show="waiting">' in page
    figures = alice.client.get(f"/imports/{row.id}/live.json").json
    assert (figures["waiting"], figures["overdue"], figures["left"]) == (True, True, "")


def test_an_import_can_be_stopped_and_gone_on_with(alice: Person):
    row = an_import(alice, state=ImportState.WAITING, permission_at=now())
    alice.client.post(f"/imports/{row.id}/stop")
    assert in_state(row) == ImportState.STOPPED
    assert "Go on" in alice.client.get(f"/imports/{row.id}").text
    alice.client.post(f"/imports/{row.id}/stop")  # pressed twice
    alice.client.post(f"/imports/{row.id}/start")
    assert in_state(row) == ImportState.WAITING


def test_the_history_shows_who_what_and_what_came_of_it(alice: Person):
    group = factories.group(alice.workspace, name="Customers")
    an_import(alice, rows=1234, new=1200, group_ids=[group.id], tags=["fair"])
    an_import(alice, state=ImportState.UNDONE, removed=1204, restored=312, filename="old.csv")
    an_import(alice, state=ImportState.FAILED, error="Near row 7 a quotation mark opens.")
    page = alice.client.get("/imports/").text
    for words in ("1,234", "1,200", "Customers", "fair", "Alice", "Near row 7", "1.0 kB"):
        assert words in page
    assert "1,204 removed, 312 restored" in page


def test_the_history_follows_what_is_under_way(alice: Person, charlie: Person):
    row = an_import(alice, state=ImportState.RUNNING, worker="w", heartbeat_at=now(), rows=7)
    url = f"/imports/live.json?id={row.id}"
    assert url in alice.client.get("/imports/").text
    assert alice.client.get(url).json[f"i{row.id}"]["rows"] == 7
    assert charlie.client.get(url).json == {}


def test_the_history_leads_back_to_where_it_stood(alice: Person):
    for state, step in ((ImportState.UPLOADED, "options"), (ImportState.CHECKED, "check")):
        row = an_import(alice, state=state)
        assert f'href="/imports/{row.id}/{step}"' in alice.client.get("/imports/").text


def test_the_result_says_what_became_of_every_row(alice: Person, config):
    row = an_import(
        alice, rows=10, new=5, duplicates=2, invalid=3, suppressed=1, rejected_key="rejected/t.csv",
        permission_at=now(), permission_by=alice.user.id, permission_words="They agreed.",
    )  # fmt: skip
    rejected_file(config, "t.csv")
    page = alice.client.get(f"/imports/{row.id}").text
    for text in ("1</strong> of the 5 new, updated", "2 listed twice + 3 rejected.", "3 rows are"):
        assert text in page
    assert "“They agreed.” Confirmed by Alice" in page
    assert ">=1+1</code>" in page


def test_the_next_step_is_a_campaign_for_the_group(alice: Person):
    group = factories.group(alice.workspace)
    row = an_import(alice, rows=3, new=3, group_ids=[group.id])
    link = f"/campaigns/new?group={group.id}"
    assert link in alice.client.get(f"/imports/{row.id}").text
    form = alice.client.get(link).text.partition('name="group_ids"')
    box = form[0].rpartition("<input")[2] + form[2].partition(">")[0]
    assert "checked" in box


def test_rejected_rows_come_as_text_and_for_excel(alice: Person, config, tmp_path):
    row = an_import(alice, invalid=1, rejected_key="rejected/u.csv")
    rejected_file(config, "u.csv")
    answer = alice.client.get(f"/imports/{row.id}/rejected.csv")
    assert "people - rejected rows.csv" in answer.headers["Content-Disposition"]
    assert answer.text.splitlines()[1] == "7,Mail,'=1+1,It has no @.,Add one."
    book = tmp_path / "rejected.xlsx"
    book.write_bytes(alice.client.get(f"/imports/{row.id}/rejected.xlsx").data)
    rows = list(load_workbook(book).active.iter_rows(values_only=True))
    assert rows[1][1:] == ("Mail", "'=1+1", "It has no @.", "Add one.")


def rejected_file(config, name: str) -> None:
    path = Path(config.state_dir) / "rejected" / name
    path.parent.mkdir(exist_ok=True)
    lines = ("Row,Column,Value,Reason,What to do", "7,Mail,'=1+1,It has no @.,Add one.")
    path.write_text("\n".join(lines) + "\n")


def test_a_failure_is_shown_with_its_reason(alice: Person):
    row = an_import(alice, state=ImportState.FAILED, error="Near row 7 a quotation mark opens.")
    page = alice.client.get(f"/imports/{row.id}").text
    assert "Near row 7 a quotation mark opens." in page
    assert "Try again" in page


def test_an_upload_can_be_discarded_with_its_file(alice: Person, config):
    upload(alice)
    row = latest(alice)
    path = Path(config.state_dir) / row.storage_key
    assert path.exists()
    alice.client.post(f"/imports/{row.id}/discard")
    assert latest(alice) is None
    assert not path.exists()


def test_an_undo_says_in_numbers_what_it_will_do(alice: Person):
    row, people = imported_people(alice)
    page = alice.client.get(f"/imports/{row.id}/undo?counted=1").text
    assert "Removes <strong>2 people</strong> who are new" in page
    assert "Restores <strong>1 person</strong>" in page
    assert "Leaves" not in page
    people[0].updated_at = now()
    factories.join(factories.group(alice.workspace), people[1])
    page = alice.client.get(f"/imports/{row.id}/undo?counted=1").text
    assert "Leaves <strong>2 people</strong> alone" in page


def imported_people(owner: Person):
    """An import that has put two people on the list, and changed a third."""
    row, moment = an_import(owner, rows=3, new=2, updated=1), now()
    people = [factories.recipient(owner.workspace, updated_at=moment) for _ in range(3)]
    former = {"names": [""], "attributes": [{}], "tags": ["{}"]}
    factories.save(
        ImportBatch(
            workspace_id=owner.workspace.id, import_id=row.id, number=1, created_at=moment,
            made=[one.id for one in people[:2]], changed=[people[2].id], **former,
            updated=[moment - timedelta(days=1)], joined=[], joined_groups=[],
        )
    )  # fmt: skip
    return row, people


def test_an_undo_first_shows_that_it_counts(alice: Person):
    row = an_import(alice, rows=3)
    page = alice.client.get(f"/imports/{row.id}/undo").text
    assert f'hx-get="/imports/{row.id}/undo?counted=1"' in page
    part = alice.client.get(f"/imports/{row.id}/undo?counted=1", headers={"HX-Request": "true"})
    assert "<html" not in part.text


def test_an_import_is_undone(alice: Person):
    row = an_import(alice, rows=3, new=3)
    answer = alice.client.post(f"/imports/{row.id}/undo")
    assert (answer.location, in_state(row)) == (f"/imports/{row.id}", ImportState.UNDOING)
    assert "Undoing" in alice.client.get(answer.location).text
    assert alice.client.post(f"/imports/{row.id}/undo").status_code == 302  # pressed twice
    row.state, row.removed, row.spared = ImportState.UNDONE, 2, 1
    db.session.commit()
    page = alice.client.get(answer.location).text
    assert "This person has changed since the import" in page
    assert "Undo the import" not in page


def test_what_cannot_be_undone_any_more_is_not_offered(alice: Person):
    row = an_import(alice, rows=3, started_at=now() - timedelta(days=31))
    assert "/undo" not in alice.client.get("/imports/").text
    assert alice.client.get(f"/imports/{row.id}/undo").location == f"/imports/{row.id}"


@pytest.mark.parametrize("page", ["/rejected.csv", "/rejected.xlsx", "/undo", "/undo?counted=1"])
def test_a_stranger_sees_none_of_it(alice: Person, charlie: Person, page):
    row = an_import(alice, rows=1, rejected_key="rejected/x.csv")
    assert charlie.client.get(f"/imports/{row.id}{page}").status_code == 404


def test_a_stranger_undoes_nothing(alice: Person, charlie: Person):
    row = an_import(alice, rows=1)
    assert charlie.client.post(f"/imports/{row.id}/undo").status_code == 404
    assert in_state(row) == ImportState.DONE


def test_a_strangers_people_are_not_counted_for_an_undo(alice: Person, charlie: Person):
    row, people = imported_people(alice)
    for one in people:
        one.workspace_id = charlie.workspace.id
    page = alice.client.get(f"/imports/{row.id}/undo?counted=1").text
    assert "Removes <strong>0 people</strong>" in page
