"""Undoing an import: exactly what it changed, unless that has changed since."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest
from sqlalchemy import update

from campaign_app.extensions import db
from campaign_app.imports import job, run
from campaign_app.lib import clock
from campaign_app.models.imports import ImportState
from campaign_app.models.messages import Message
from campaign_app.models.recipients import Recipient
from campaign_app.services import audit, consent, groups, recipients
from tests import factories
from tests.imports.imported import an_import, stored, work

CONTENT = "email,name,city\nnew@x.com,New,Oslo\nold@x.com,Older,Oslo\nsame@x.com,Same,Rome\n"


@pytest.fixture
def undoable(workspace, tmp_path):
    """An import that is done, what stood there before, and its folder."""
    factories.recipient(workspace, email="old@x.com", name="Old", attributes={"city": "Rome"})
    factories.recipient(workspace, email="same@x.com", name="Same", attributes={"city": "Rome"})
    before = stored(workspace)
    group = factories.group(workspace, name="Fair")
    row = an_import(workspace, tmp_path, CONTENT, group_ids=[group.id], tags=["fair"])
    work(row, tmp_path)
    assert (row.new, row.updated, row.unchanged) == (1, 2, 0)  # the tag is a change, too
    return row, before, tmp_path


def person(workspace, email: str) -> Recipient:
    found = recipients.by_email(workspace, email)
    assert found
    return found


def outcome(row) -> tuple[ImportState, int, int, int]:
    return row.state, row.removed, row.restored, row.spared


def test_everything_is_as_it_was_to_the_last_moment(workspace, undoable):
    row, before, folder = undoable
    work(row, folder, ImportState.UNDOING)
    assert outcome(row) == (ImportState.UNDONE, 1, 2, 0)
    assert stored(workspace) == before
    ((entry, _), *_) = audit.recent(workspace)
    assert "1 removed, 2 restored, 0 left alone" in entry.summary


def test_another_workspace_is_not_touched(workspace, undoable):
    row, _, folder = undoable
    other = factories.workspace("Other")
    factories.recipient(other, email="new@x.com", name="Theirs")
    theirs = stored(other)
    work(row, folder, ImportState.UNDOING)
    assert stored(other) == theirs


def edit(workspace, row):
    recipients.save_attributes(person(workspace, "new@x.com"), [("city", "Bergen")])


def leave(workspace, row):
    consent.unsubscribe(workspace, person(workspace, "new@x.com"), reason="no", source="link")


def join_another(workspace, row):
    other = factories.group(workspace, name="Elsewhere")
    groups.join(workspace, other, [person(workspace, "new@x.com").id])


def mail(workspace, row):
    campaign = factories.campaign(workspace, started_at=clock.now(), planned_at=clock.now())
    known = person(workspace, "new@x.com")
    factories.save(
        Message(
            workspace_id=workspace.id,
            campaign_id=campaign.id,
            recipient_id=known.id,
            batch_id=1,
            address=known.email,
        )
    )


@pytest.mark.parametrize("change", [edit, leave, join_another, mail])
def test_who_has_a_history_since_stays_but_leaves_the_groups(workspace, undoable, change):
    row, _, folder = undoable
    change(workspace, row)
    db.session.commit()
    work(row, folder, ImportState.UNDOING)
    assert outcome(row) == (ImportState.UNDONE, 0, 2, 1)
    kept = person(workspace, "new@x.com")
    assert row.group_ids[0] not in [g.id for g in groups.of(workspace, [kept.id]).get(kept.id, [])]


def test_who_was_edited_since_keeps_the_edit(workspace, undoable):
    row, _, folder = undoable
    recipients.save_attributes(person(workspace, "old@x.com"), [("city", "Bergen")])
    db.session.commit()
    work(row, folder, ImportState.UNDOING)
    assert outcome(row) == (ImportState.UNDONE, 1, 1, 1)
    assert person(workspace, "old@x.com").attributes == {"city": "Bergen"}


def test_who_is_gone_already_is_no_obstacle(workspace, undoable):
    row, _, folder = undoable
    recipients.delete_all(workspace, [person(workspace, "new@x.com").id])
    db.session.commit()
    work(row, folder, ImportState.UNDOING)
    assert outcome(row) == (ImportState.UNDONE, 0, 2, 1)


def test_who_left_the_group_and_came_back_stays_in_it(workspace, undoable):
    row, _, folder = undoable
    group, same = groups.get(workspace, row.group_ids[0]), person(workspace, "same@x.com")
    groups.leave(workspace, group, [same.id])
    db.session.commit()
    groups.join(workspace, group, [same.id])
    db.session.commit()
    work(row, folder, ImportState.UNDOING)
    assert [g.id for g in groups.of(workspace, [same.id])[same.id]] == [group.id]


def test_a_later_import_of_the_same_people_is_spared(workspace, undoable, tmp_path):
    row, _, folder = undoable
    later = tmp_path / "later"
    later.mkdir()
    work(an_import(workspace, later, "email,name\nnew@x.com,Newest\nold@x.com,Oldest\n"), later)
    work(row, folder, ImportState.UNDOING)
    assert outcome(row) == (ImportState.UNDONE, 0, 1, 2)
    assert person(workspace, "new@x.com").name == "Newest"


def test_two_imports_are_undone_one_after_the_other(workspace, undoable, tmp_path):
    row, before, folder = undoable
    later = tmp_path / "later"
    later.mkdir()
    second = an_import(workspace, later, "email,name\nnew@x.com,Newest\nold@x.com,Oldest\n")
    work(second, later)
    work(second, later, ImportState.UNDOING)
    work(row, folder, ImportState.UNDOING)
    assert stored(workspace) == before


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(job, "BATCH_ROWS", 100)


def test_an_import_that_was_stopped_half_way_is_undone_as_exactly(
    workspace, tmp_path, small_batches
):
    factories.recipient(workspace, email="user3@x.com", name="Three")
    before = stored(workspace)
    lines = "".join(f"user{n % 90}@x.com,Name {n}\n" for n in range(250))
    row = an_import(workspace, tmp_path, f"email,name\n{lines}", stop_requested=True)
    work(row, tmp_path)
    assert (row.state, row.new) == (ImportState.STOPPED, 89)
    work(row, tmp_path, ImportState.UNDOING)
    assert outcome(row) == (ImportState.UNDONE, 89, 1, 0)
    assert stored(workspace) == before


def test_an_undo_whose_worker_died_goes_on_where_it_stood(workspace, tmp_path, small_batches):
    before = stored(workspace)
    lines = "".join(f"user{n}@x.com\n" for n in range(250))
    row = an_import(workspace, tmp_path, f"email\n{lines}")
    work(row, tmp_path)
    with dying_after(1, run.undoing, "_undo_last"), pytest.raises(SystemExit):
        work(row, tmp_path, ImportState.UNDOING)
    assert 0 < len(stored(workspace)) < 250
    work(row, tmp_path, ImportState.UNDOING)
    assert outcome(row) == (ImportState.UNDONE, 250, 0, 0)
    assert stored(workspace) == before


@contextmanager
def dying_after(calls: int, module: ModuleType, name: str) -> Iterator[None]:
    """The worker ends instead of calling a function once more."""
    whole, made = getattr(module, name), []

    def call(*args: object) -> object:
        made.append(args)
        if len(made) > calls:
            raise SystemExit
        return whole(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, call)
        yield


def test_an_undone_import_keeps_nothing_to_undo(workspace, undoable):
    row, _, folder = undoable
    work(row, folder, ImportState.UNDOING)
    assert not work(row, folder)  # nobody's work any more
    held = update(Recipient).where(Recipient.workspace_id == workspace.id).values(name="Later")
    db.session.execute(held)
    db.session.commit()
    work(row, folder, ImportState.UNDOING)
    assert {one.name for one in stored(workspace)} == {"Later"}
