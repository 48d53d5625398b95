"""The dry run: what an import would do, in numbers and examples."""

from __future__ import annotations

import csv

import pytest

from campaign_app.extensions import db
from campaign_app.imports import job
from campaign_app.lib import address
from campaign_app.models.imports import ImportState
from campaign_app.models.recipients import RecipientStatus, Suppression
from tests import factories
from tests.imports.imported import an_import, stored, work

CONTENT = (
    "email,name,city\nnew@x.com,New,Oslo\nOLD@x.com,,Oslo\nsame@x.com,Same,\nbad,Bad,\n"
    "new@x.com,Newer,\nnever@x.com,N,\ngone@x.com,,\n"
)


@pytest.fixture
def checked(workspace, tmp_path):
    factories.recipient(workspace, email="old@x.com", name="Old", attributes={"city": "Rome"})
    factories.recipient(workspace, email="same@x.com", name="Same", attributes={"city": "Rome"})
    factories.recipient(workspace, email="gone@x.com", status=RecipientStatus.UNSUBSCRIBED)
    factories.save(Suppression(workspace_id=workspace.id, email="never@x.com"))
    before = stored(workspace)
    row = an_import(workspace, tmp_path, CONTENT)
    work(row, tmp_path, ImportState.CHECKING)
    assert stored(workspace) == before
    return row


def import_now(row, folder):
    """As a start after the dry run does it."""
    row.started_at = None
    for name in job.COUNTS:
        setattr(row, name, 0)
    work(row, folder, ImportState.WAITING)


def test_it_tells_the_numbers_that_the_import_then_has(checked, tmp_path):
    found = {name: checked.report[name] for name in job.COUNTS}
    assert checked.state == ImportState.CHECKED
    assert found == {
        "rows": 7, "new": 2, "updated": 1, "unchanged": 2, "duplicates": 1, "invalid": 1,
        "suppressed": 2,
    }  # fmt: skip
    import_now(checked, tmp_path)
    assert {name: getattr(checked, name) for name in job.COUNTS} == found


def test_it_shows_examples_of_each_kind(checked):
    examples = checked.report["examples"]
    assert [one["email"] for one in examples["new"]] == ["never@x.com", "new@x.com"]
    assert examples["updated"] == [
        {
            "email": "old@x.com",
            "name": "",
            "attributes": {"city": "Oslo"},
            "stored": {"name": "Old", "attributes": {"city": "Rome"}},
        }
    ]
    assert {one["email"] for one in examples["unchanged"]} == {"same@x.com", "gone@x.com"}
    assert {one["email"] for one in examples["suppressed"]} == {"never@x.com", "gone@x.com"}
    assert examples["duplicates"] == [{"row": 6, "email": "new@x.com"}]
    assert examples["invalid"][0] == {
        "row": 5,
        "value": "bad",
        "reason": "“bad” has no @.",
        "remedy": "An address looks like name@example.com.",
    }


def test_rejected_rows_are_there_as_a_file_before_anything_is_imported(checked, tmp_path):
    lines = (tmp_path / checked.rejected_key).read_text("utf-8-sig").splitlines()
    assert list(csv.reader(lines)) == [
        ["Row", "Column", "Value", "Reason", "What to do"],
        ["5", "email", "bad", "“bad” has no @.", "An address looks like name@example.com."],
    ]


def test_a_dry_run_that_is_stopped_leaves_an_upload(workspace, tmp_path):
    row = an_import(workspace, tmp_path, CONTENT, stop_requested=True)
    work(row, tmp_path, ImportState.CHECKING)
    assert (row.state, row.report, row.stop_requested) == (ImportState.UPLOADED, {}, False)


def test_a_file_that_cannot_be_read_is_an_upload_with_a_message(workspace, tmp_path):
    row = an_import(workspace, tmp_path, CONTENT, storage_key="gone")
    work(row, tmp_path, ImportState.CHECKING)
    assert row.state == ImportState.UPLOADED
    assert "Upload it again" in row.error


def test_a_person_whom_a_later_batch_changes_counts_once(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "BATCH_ROWS", 100)
    factories.recipient(workspace, email="a@x.com", name="Same")
    factories.recipient(workspace, email="b@x.com", name="Same")
    filling = "".join(f"user{n}@x.com,\n" for n in range(110))
    content = (
        f"email,name\na@x.com,Same\nb@x.com,1\n{filling}a@x.com,1\nb@x.com,2\n{filling}b@x.com,3"
    )
    row = an_import(workspace, tmp_path, content)
    work(row, tmp_path, ImportState.CHECKING)
    assert (row.report["updated"], row.report["unchanged"]) == (2, 0)
    row.rows = row.new = row.updated = row.unchanged = row.duplicates = 0
    db.session.commit()
    work(row, tmp_path, ImportState.WAITING)
    assert (row.updated, row.unchanged, row.duplicates) == (2, 0, 113)


@pytest.fixture
def erased(workspace) -> None:
    """The hash of somebody who wished to be forgotten, and nothing else."""
    entry = Suppression(workspace_id=workspace.id, email=None, reason="Erased on request")
    entry.email_hash = address.digest("ana@x.com")
    factories.save(entry)


@pytest.mark.parametrize("known", [False, True])
def test_whose_data_was_erased_is_left_out_and_said_so(workspace, tmp_path, erased, known):
    if known:
        factories.recipient(workspace, email="ana@x.com", name="Added by hand")
    before = {row.email: row.name for row in stored(workspace)}
    row = an_import(workspace, tmp_path, "email,name\nana@x.com,Ana\nbo@x.com,Bo\nANA@x.com,\n")
    work(row, tmp_path, ImportState.CHECKING)
    checked = row.report["invalid"], row.report["new"], row.report["suppressed"]
    import_now(row, tmp_path)
    assert checked == (row.invalid, row.new, row.suppressed) == (2, 1, 0)
    assert {row.email: row.name for row in stored(workspace)} == {**before, "bo@x.com": "Bo"}
    rejected = (tmp_path / row.rejected_key).read_text("utf-8-sig")
    assert ("was erased" in rejected, "ana@x.com" in rejected.lower()) == (True, False)
    assert "ana@x.com" not in str(row.report).lower()


def test_a_neighbours_erasure_leaves_nobody_out(workspace, tmp_path, erased):
    other = factories.workspace()
    row = an_import(other, tmp_path, "email,name\nana@x.com,Ana\n")
    work(row, tmp_path)
    assert (row.new, row.invalid) == (1, 0)
