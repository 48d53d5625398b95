"""The background job, on a real database where commits are real."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from campaign_app.extensions import db
from campaign_app.imports import job, run
from campaign_app.lib import clock
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.recipients import GroupMember, Recipient, RecipientStatus, Suppression
from campaign_app.services import audit
from tests import factories
from tests.imports import files
from tests.imports.imported import an_import

ALL = {"all_workspaces": True}


def waiting(workspace, folder: Path, content: bytes | str, **values) -> int:
    """An import of this content that a person has confirmed."""
    return an_import(workspace, folder, content, **values).id


def loaded(import_id: int) -> Import:
    db.session.expire_all()
    return db.session.scalars(
        select(Import).where(Import.id == import_id), execution_options=ALL
    ).one()


def done(import_id: int, folder: Path) -> Import:
    assert run.run(import_id, stores=files.stores(folder))
    return loaded(import_id)


def counts(row: Import) -> dict[str, int]:
    return {name: getattr(row, name) for name in job.COUNTS if getattr(row, name)}


def people(workspace) -> dict[str, Recipient]:
    query = select(Recipient).where(Recipient.workspace_id == workspace.id)
    return {person.email: person for person in db.session.scalars(query)}


def test_it_adds_new_people_updates_known_ones_and_counts_everybody(workspace, tmp_path):
    factories.recipient(workspace, email="old@x.com", name="Old", attributes={"city": "Rome"})
    factories.recipient(workspace, email="same@x.com", name="Same", attributes={"city": "Rome"})
    content = (
        "email,name,city\nnew@x.com,New,Oslo\nOLD@x.com,,Oslo\nsame@x.com,Same,\nbad,Bad,\n"
        "new@x.com,Newer,\n"
    )
    row = done(waiting(workspace, tmp_path, content), tmp_path)
    assert row.state == ImportState.DONE
    assert counts(row) == {
        "rows": 5, "new": 1, "updated": 1, "unchanged": 1, "duplicates": 1, "invalid": 1
    }  # fmt: skip
    found = people(workspace)
    assert (found["new@x.com"].name, found["new@x.com"].attributes) == ("Newer", {"city": "Oslo"})
    assert (found["old@x.com"].name, found["old@x.com"].attributes) == ("Old", {"city": "Oslo"})


@pytest.mark.parametrize("status", ["unsubscribed", "bounced", "complained"])
def test_nobody_who_left_is_brought_back(workspace, tmp_path, status):
    factories.recipient(workspace, email="gone@x.com", name="", status=RecipientStatus(status))
    factories.save(Suppression(workspace_id=workspace.id, email="never@x.com"))
    content = "email,name\ngone@x.com,Gone\nnever@x.com,Never\nfine@x.com,Fine\n"
    row = done(waiting(workspace, tmp_path, content), tmp_path)
    gone = people(workspace)["gone@x.com"]
    assert (gone.status, gone.name) == (status, "Gone")
    assert counts(row) == {"rows": 3, "new": 2, "updated": 1, "suppressed": 2}


def test_people_join_the_chosen_groups_of_their_own_workspace(workspace, tmp_path):
    known = factories.recipient(workspace, email="known@x.com", name="Known")
    group = factories.group(workspace, members=[known])
    strangers = factories.group(factories.workspace("Other"))
    import_id = waiting(
        workspace,
        tmp_path,
        "email,name\nknown@x.com,Known\nnew@x.com,New\n",
        group_ids=[group.id, strangers.id],
    )
    done(import_id, tmp_path)
    members = db.session.execute(
        select(GroupMember.group_id, GroupMember.recipient_id).where(
            GroupMember.group_id.in_([group.id, strangers.id])
        ),
        execution_options=ALL,
    ).all()
    ids = {person.id for person in people(workspace).values()}
    assert {tuple(member) for member in members} == {(group.id, one) for one in ids}


def test_another_workspaces_people_are_not_touched(workspace, tmp_path):
    other = factories.workspace("Other")
    factories.recipient(other, email="a@x.com", name="Theirs")
    row = done(waiting(workspace, tmp_path, "email,name\na@x.com,Ours\n"), tmp_path)
    assert counts(row) == {"rows": 1, "new": 1}
    assert people(other)["a@x.com"].name == "Theirs"


def test_rejected_rows_are_kept_as_a_file(workspace, tmp_path):
    row = done(waiting(workspace, tmp_path, "email,name\na@x.com,A\n=1+1,B\n"), tmp_path)
    rows = list(csv.reader((tmp_path / row.rejected_key).read_text("utf-8-sig").splitlines()))
    assert rows[1][:3] == ["3", "email", "'=1+1"]


def test_quotes_backslashes_and_emoji_arrive_as_they_are(workspace, tmp_path):
    text = 'C:\\temp "quoted" 🎉 \t tab'
    content = 'email,name,note\na@x.com,"{0}","{0}"\n'.format(text.replace('"', '""'))
    done(waiting(workspace, tmp_path, content), tmp_path)
    person = people(workspace)["a@x.com"]
    assert person.attributes == {"note": text}
    assert person.name == text.replace(" \t ", " ")


def test_tens_of_thousands_of_rows_arrive_with_repeats_across_batches(workspace, tmp_path):
    lines = [f"user{n % 28_000}@x.com;Müller {n};0{n}" for n in range(30_000)]
    content = "\n".join(["E-Mail;Name;PLZ", *lines]).encode("cp1252")
    row = done(waiting(workspace, tmp_path, content), tmp_path)
    assert counts(row) == {"rows": 30_000, "new": 28_000, "duplicates": 2_000}
    assert people(workspace)["user1999@x.com"].attributes == {"plz": "029999"}


def test_the_same_file_again_changes_only_what_it_repeats(workspace, tmp_path):
    lines = [f"user{n % 11_000}@x.com,{n}" for n in range(12_000)]
    content = "\n".join(["email,number", *lines])
    done(waiting(workspace, tmp_path, content), tmp_path)
    again = done(waiting(workspace, tmp_path, content), tmp_path)
    assert counts(again) == {
        "rows": 12_000, "updated": 1_000, "unchanged": 10_000, "duplicates": 1_000
    }  # fmt: skip


def test_the_file_goes_when_it_is_imported_and_an_upload_that_nobody_wants_after_a_week(
    workspace, tmp_path
):
    (tmp_path / "uploads").mkdir()
    for name in ("done", "old", "young"):
        files.written(tmp_path, "email\na@x.com\n").rename(tmp_path / "uploads" / name)
    old = clock.now() - timedelta(days=8)
    idle = {"state": ImportState.UPLOADED}
    waiting(workspace, tmp_path, "email\na@x.com\n", storage_key="uploads/young", **idle)
    waiting(
        workspace, tmp_path, "email\na@x.com\n", storage_key="uploads/old", created_at=old, **idle
    )
    import_id = waiting(workspace, tmp_path, "email\na@x.com\n", storage_key="uploads/done")
    done(import_id, tmp_path)
    run.tidy(files.stores(tmp_path))
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == ["young"]


def test_excel_is_imported_like_csv(workspace, tmp_path):
    book = files.workbook({"People": [["email", "name", "zip"], ["a@x.com", "NA", "01234"]]})
    row = done(waiting(workspace, tmp_path, book), tmp_path)
    assert counts(row) == {"rows": 1, "new": 1}
    assert people(workspace)["a@x.com"].attributes == {"zip": "01234"}


def test_only_one_worker_gets_an_import(workspace, tmp_path):
    import_id = waiting(workspace, tmp_path, "email\na@x.com\n", state=ImportState.RUNNING)
    assert not run.run(import_id, stores=files.stores(tmp_path))
    assert import_id not in run.abandoned()
    assert people(workspace) == {}


def test_a_dead_workers_import_is_found_and_goes_on_where_it_stood(workspace, tmp_path):
    lines, written = "".join(f"user{n}@x.com\n" for n in range(12_000)), 2 * job.BATCH_ROWS
    import_id = waiting(
        workspace,
        tmp_path,
        f"email\nbad\n{lines}",
        state=ImportState.RUNNING,
        heartbeat_at=clock.now() - timedelta(minutes=5),
        rows=written,
        new=written - 1,
        invalid=1,
    )
    assert import_id in run.abandoned()
    row = done(import_id, tmp_path)
    assert counts(row) == {"rows": 12_001, "new": 12_000, "invalid": 1}
    assert len(people(workspace)) == 12_001 - written
    assert (tmp_path / row.rejected_key).read_text("utf-8-sig").count("\n") == 2


def test_a_stop_is_obeyed_between_batches(workspace, tmp_path):
    lines = "".join(f"user{n}@x.com\n" for n in range(25_000))
    import_id = waiting(workspace, tmp_path, f"email\n{lines}", stop_requested=True)
    row = done(import_id, tmp_path)
    assert (row.state, row.rows) == (ImportState.STOPPED, job.BATCH_ROWS)
    assert 0 < row.bytes_read < row.size


def test_a_file_that_breaks_off_says_where_and_keeps_what_arrived(workspace, tmp_path):
    good = "".join(f"user{n}@x.com,Ann\n" for n in range(20_000))
    content = f'email,name\n{good}b@x.com,"open\n' + "c@x.com,Bob\n" * 20_000
    row = done(waiting(workspace, tmp_path, content), tmp_path)
    assert row.state == ImportState.FAILED
    assert "quotation mark" in row.error
    assert row.new == 20_000 == len(people(workspace))


def test_a_file_that_is_gone_is_said_so(workspace, tmp_path):
    import_id = waiting(workspace, tmp_path, "email\na@x.com\n", storage_key="gone")
    assert "Upload it again" in done(import_id, tmp_path).error


def test_a_worker_that_lost_its_claim_writes_nothing(workspace, tmp_path, monkeypatch):
    import_id = waiting(workspace, tmp_path, "email\na@x.com\n")
    ours = job.open_rows

    def stolen(*args):
        with db.engine.begin() as other:
            other.execute(update(Import).where(Import.id == import_id).values(worker="another"))
        return ours(*args)

    monkeypatch.setattr(job, "open_rows", stolen)
    row = done(import_id, tmp_path)
    assert (row.worker, row.state, row.rows) == ("another", ImportState.RUNNING, 0)
    assert people(workspace) == {}


def test_a_failed_import_says_so_in_the_activity_log(workspace, tmp_path):
    row = done(waiting(workspace, tmp_path, "name\nAna\n"), tmp_path)
    assert row.state == ImportState.FAILED
    ((entry, _),) = audit.recent(workspace)
    assert (entry.action, row.error in entry.summary) == ("import.failed", True)
