"""Old rows go, what is still needed stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.imports import Import, ImportBatch, ImportState
from campaign_app.models.messages import LostWindow
from campaign_app.models.senders import SenderUsage
from campaign_app.services import housekeeping, imports
from campaign_app.tasks import jobs
from tests import factories
from tests.people import Person


@pytest.fixture
def usage(alice: Person, charlie: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three senders, two a step, that sent three days and three hours ago."""
    monkeypatch.setattr(housekeeping, "SENDERS_AT_ONCE", 2)
    for person in (alice, alice, charlie):
        sender = factories.sender(person.workspace)
        for age in (timedelta(days=3), timedelta(hours=3)):
            factories.save(
                SenderUsage(sender_id=sender.id, minute=clock.now() - age, handed_over=1)
            )


def test_what_no_cap_looks_at_any_more_is_forgotten(usage: None):
    jobs.keep_house()
    left = db.session.query(SenderUsage).all()
    assert len(left) == 3
    assert all(row.minute > clock.now() - timedelta(days=2) for row in left)


def test_lost_journals_are_not_waited_for_for_ever(alice: Person):
    campaign = factories.campaign(alice.workspace)
    for days in (1, 8):
        factories.save(
            LostWindow(
                workspace_id=alice.workspace.id,
                campaign_id=campaign.id,
                batch_id=1,
                journal=f"{days}.journal",
                message_ids=[1],
                created_at=clock.now() - timedelta(days=days),
            )
        )
    jobs.keep_house()
    rows = db.session.query(LostWindow).filter_by(workspace_id=alice.workspace.id).all()
    assert [row.journal for row in rows] == ["1.journal"]


def test_what_undoing_takes_is_kept_for_a_month(alice: Person, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(housekeeping, "BATCHES_AT_ONCE", 2)
    young, old = (an_import(alice, days=days) for days in (29, 31))
    jobs.keep_house()
    left = db.session.query(ImportBatch.import_id).filter(
        ImportBatch.workspace_id == alice.workspace.id
    )
    assert [import_id for (import_id,) in left] == [young.id] * 3
    assert imports.undo_until(old) is None


def an_import(person: Person, *, days: int) -> Import:
    """An import of so long ago, with three batches."""
    values = {"filename": "x", "storage_key": "x", "size": 1, "state": ImportState.DONE, "rows": 3}
    begun = clock.now() - timedelta(days=days)
    row = factories.save(Import(workspace_id=person.workspace.id, started_at=begun, **values))
    arrays = ("made", "changed", "names", "attributes", "tags", "updated", "joined")
    for number in range(3):
        empty: dict[str, list[int]] = {key: [] for key in (*arrays, "joined_groups")}
        keys = {"workspace_id": row.workspace_id, "import_id": row.id, "number": number}
        factories.save(ImportBatch(**keys, **empty))
    return row
