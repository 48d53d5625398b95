"""What a person decides about an upload."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, Invalid, NotFound
from campaign_app.models.imports import Import, ImportBatch, ImportState
from campaign_app.services import imports
from tests import factories


def an_import(workspace, **values) -> Import:
    defaults = {
        "filename": "people.csv",
        "storage_key": "uploads/x",
        "size": 1000,
        "permission_at": clock.now(),
    }
    return factories.save(Import(workspace_id=workspace.id, **{**defaults, **values}))


def test_an_upload_remembers_its_file_and_only_groups_of_the_workspace(alice, charlie):
    ours, theirs = factories.group(alice.workspace), factories.group(charlie.workspace)
    row = imports.create(
        alice.workspace,
        upload=imports.Upload("people.csv", "uploads/x", 12),
        options={},
        mapping=[],
        group_ids=[ours.id, theirs.id],
        user=alice.user,
    )
    assert (row.state, row.filename, row.size) == (ImportState.UPLOADED, "people.csv", 12)
    assert row.group_ids == [ours.id]


def test_it_hides_another_workspaces_imports(alice, charlie):
    row = an_import(alice.workspace)
    with pytest.raises(NotFound):
        imports.get(charlie.workspace, row.id)
    assert imports.page(charlie.workspace).items == []
    assert imports.page(alice.workspace).items == [row]


@pytest.mark.parametrize("state", ["uploaded", "stopped", "failed"])
def test_it_can_be_started_and_started_again(alice, state):
    row = an_import(alice.workspace, state=ImportState(state), error="old")
    imports.start(alice.workspace, row, user=alice.user)
    assert (row.state, row.error, row.stop_requested) == (ImportState.WAITING, "", False)
    with pytest.raises(Conflict):
        imports.start(alice.workspace, row, user=alice.user)


def test_a_pause_does_not_slow_the_pace(alice):
    begun, stopped = clock.now() - timedelta(hours=2), clock.now() - timedelta(hours=1)
    row = an_import(
        alice.workspace, state=ImportState.STOPPED, started_at=begun, finished_at=stopped
    )
    imports.start(alice.workspace, row, user=alice.user)
    pace = row.heartbeat_at - row.started_at
    assert abs(pace - (stopped - begun)) < timedelta(minutes=1)


def test_nothing_starts_without_permission(alice):
    row = an_import(alice.workspace, permission_at=None)
    with pytest.raises(Invalid) as refused:
        imports.start(alice.workspace, row, user=alice.user)
    assert refused.value.field == "permission"


def test_a_dry_run_starts_with_clean_counts_and_the_import_after_it_again(alice):
    row = an_import(alice.workspace, rows=7, report={"rows": 7})
    imports.check(alice.workspace, row, user=alice.user)
    assert (row.state, row.rows, row.report) == (ImportState.CHECKING, 0, {})
    row.state, row.rows = ImportState.CHECKED, 7
    imports.start(alice.workspace, row, user=alice.user)
    assert (row.state, row.rows) == (ImportState.WAITING, 0)


def test_a_dry_run_that_waits_is_stopped_at_once(alice):
    row = an_import(alice.workspace)
    imports.check(alice.workspace, row, user=alice.user)
    imports.stop(alice.workspace, row, user=alice.user)
    assert row.state == ImportState.UPLOADED


@pytest.mark.parametrize(
    ("state", "rows", "days"),
    [("done", 5, 31), ("done", 0, 1), ("running", 5, 1), ("undone", 5, 1)],
)
def test_what_has_changed_nothing_or_is_long_ago_cannot_be_undone(alice, state, rows, days):
    begun = clock.now() - timedelta(days=days)
    row = an_import(alice.workspace, state=ImportState(state), rows=rows, started_at=begun)
    assert imports.undo_until(row) is None
    with pytest.raises(Conflict):
        imports.undo(alice.workspace, row, user=alice.user)


@pytest.mark.parametrize("state", [ImportState.FAILED, ImportState.STOPPED])
def test_what_broke_off_within_its_first_batch_can_be_undone(alice, charlie, state):
    rows = [
        an_import(who.workspace, state=state, rows=0, started_at=clock.now())
        for who in (alice, alice, charlie)
    ]
    begun, untouched, theirs = rows
    assert [imports.undo_until(row) for row in rows] == [None] * 3
    a_batch(begun)
    assert imports.undo_until(begun)
    assert [imports.undo_until(row) for row in (untouched, theirs)] == [None] * 2
    imports.undo(alice.workspace, begun, user=alice.user)
    assert begun.state == ImportState.UNDOING


def a_batch(row: Import) -> None:
    """Written, and not counted yet."""
    parallel = ("made", "changed", "names", "attributes", "tags", "updated", "joined")
    empty = {name: [] for name in (*parallel, "joined_groups")}
    ids = {"workspace_id": row.workspace_id, "import_id": row.id, "number": 1}
    factories.save(ImportBatch(**ids, **empty))


def test_what_is_undone_is_not_started_again(alice):
    row = an_import(
        alice.workspace,
        state=ImportState.STOPPED,
        rows=5,
        started_at=clock.now(),
        new=10,
        removed=4,
    )
    imports.undo(alice.workspace, row, user=alice.user)
    assert (row.state, imports.progress(row).percent) == (ImportState.UNDOING, 40.0)
    row.state = ImportState.FAILED
    with pytest.raises(Conflict):
        imports.start(alice.workspace, row, user=alice.user)


def test_a_stop_is_immediate_while_it_waits_and_a_request_while_it_runs(alice):
    waiting = an_import(alice.workspace, state=ImportState.WAITING)
    running = an_import(alice.workspace, state=ImportState.RUNNING)
    imports.stop(alice.workspace, waiting, user=alice.user)
    imports.stop(alice.workspace, running, user=alice.user)
    assert waiting.state == ImportState.STOPPED
    assert (running.state, running.stop_requested) == (ImportState.RUNNING, True)
    with pytest.raises(Conflict):
        imports.stop(alice.workspace, waiting, user=alice.user)


def test_only_an_upload_that_never_began_can_be_discarded(alice):
    row = an_import(alice.workspace)
    assert imports.discard(alice.workspace, row) == "uploads/x"
    assert imports.page(alice.workspace).total == 0
    begun = an_import(alice.workspace, state=ImportState.DONE)
    with pytest.raises(Conflict):
        imports.discard(alice.workspace, begun)


def test_the_time_left_comes_from_the_pace_so_far(alice):
    now = clock.now()
    row = an_import(
        alice.workspace,
        state=ImportState.RUNNING,
        bytes_read=250,
        rows=5_000,
        started_at=now - timedelta(seconds=10),
        heartbeat_at=now,
    )
    assert imports.progress(row) == imports.Progress(25.0, 500, 30)


def test_nothing_is_said_about_the_pace_before_the_first_batch(alice):
    row = an_import(alice.workspace, state=ImportState.WAITING)
    assert imports.progress(row) == imports.Progress(0.0, None, None)
