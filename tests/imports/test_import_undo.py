"""What is foretold of an undo is what it then does."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from campaign_app.extensions import db
from campaign_app.imports import job
from campaign_app.lib import clock
from campaign_app.models.imports import ImportState
from campaign_app.models.messages import Message
from campaign_app.models.recipients import Recipient
from campaign_app.services import consent, import_undo, recipients
from tests import factories
from tests.imports.imported import an_import, work

PEOPLE = 240
"""In three batches; the last thirty rows name people of the first batch again."""


@pytest.fixture
def done(workspace, tmp_path, monkeypatch):
    """An import of some new people, some known, and some who are listed twice."""
    monkeypatch.setattr(job, "BATCH_ROWS", 100)
    for number in range(0, 50, 2):
        factories.recipient(workspace, email=f"p{number}@x.com", name="Known")
    lines = "".join(f"p{n % 210}@x.com,Name {n}\n" for n in range(PEOPLE))
    group = factories.group(workspace)
    row = an_import(workspace, tmp_path, f"email,name\n{lines}", group_ids=[group.id])
    work(row, tmp_path)
    assert (row.new, row.updated) == (185, 25)
    return row


def person(workspace, number: int) -> Recipient:
    found = recipients.by_email(workspace, f"p{number}@x.com")
    assert found
    return found


def nothing(workspace) -> None:
    """Nobody has done anything since."""


def leave(workspace) -> None:
    consent.unsubscribe(workspace, person(workspace, 61), reason="no", source="link")


def edit(workspace) -> None:
    for number in (1, 2, 120):
        recipients.save_attributes(person(workspace, number), [("city", "Bergen")])


def join(workspace) -> None:
    factories.join(factories.group(workspace), person(workspace, 7))


def mail(workspace) -> None:
    ids: dict[str, Any] = {"workspace_id": workspace.id, "batch_id": 1}
    for planned in (clock.now(), None):
        campaign = factories.campaign(workspace, started_at=clock.now(), planned_at=planned)
        known = person(workspace, 9 if planned else 11)
        whom = {"recipient_id": known.id, "address": known.email}
        factories.save(Message(**ids, **whom, campaign_id=campaign.id))


def delete(workspace) -> None:
    db.session.delete(person(workspace, 13))


@pytest.mark.parametrize("happens", [nothing, leave, edit, join, mail, delete])
def test_an_undo_does_what_was_foretold(workspace, done, tmp_path, happens):
    happens(workspace)
    db.session.commit()
    told = import_undo.foresee(workspace, done)
    work(done, tmp_path, ImportState.UNDOING)
    assert (told.removed, told.restored, told.spared) == (done.removed, done.restored, done.spared)
    assert told.removed + told.restored + told.spared == 210


def test_a_stranger_is_told_nothing(workspace, done):
    other = factories.workspace("Other")
    told = import_undo.foresee(other, done)
    assert (told.removed, told.restored, told.spared) == (0, 0, 0)


def test_another_workspaces_people_are_never_counted(workspace, done):
    other = factories.workspace("Other")
    factories.recipient(other, email="p1@x.com")
    db.session.execute(
        update(Recipient)
        .where(Recipient.workspace_id == workspace.id, Recipient.email == "p1@x.com")
        .values(updated_at=clock.now())
    )
    db.session.commit()
    assert import_undo.foresee(workspace, done).spared == 1
