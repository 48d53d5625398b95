"""The background's part of a long list of suppressions."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.suppression_imports import SuppressionImport
from campaign_app.services import suppression_imports, suppressions
from campaign_app.tasks import jobs
from tests import factories


def begun(size: int) -> SuppressionImport:
    member = factories.membership()
    found = [(f"p{n}@x.com", "old") for n in range(size)]
    row = suppression_imports.begin(member.workspace, found, name="x.csv", user=member.user)
    db.session.commit()
    return row


def test_every_chunk_is_committed_and_the_import_ends(live_app: Flask):
    row = begun(suppression_imports.CHUNK + 1)
    jobs.fill_suppressions(row.id)
    db.session.rollback()
    db.session.refresh(row)
    assert (row.added, row.finished_at is not None) == (suppression_imports.CHUNK + 1, True)
    workspace = db.session.get_one(factories.Workspace, row.workspace_id)
    assert suppressions.contains(workspace, ["p5000@x.com"]) == {"p5000@x.com"}


def test_what_nobody_works_at_is_found(live_app: Flask):
    row = begun(1)
    assert suppression_imports.overdue() == []
    row.created_at = clock.now() - timedelta(minutes=1)
    db.session.commit()
    assert suppression_imports.overdue() == [row.id]
    jobs.fill_suppressions(row.id)
    assert suppression_imports.overdue() == []
