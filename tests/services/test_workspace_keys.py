"""Recipients belong to a workspace that exists, though no key says so."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from campaign_app.extensions import db
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import Recipient
from tests import factories


def test_nobody_can_be_put_on_the_list_of_a_workspace_that_is_not(alice):
    stray = Recipient(workspace_id=alice.workspace.id + 1_000_000, email="a@x.com")
    with pytest.raises(IntegrityError, match="no workspace"):
        factories.save(stray)
    db.session.rollback()


def test_recipients_go_with_their_workspace(session):
    workspace = factories.workspace("Gone")
    factories.group(workspace, members=[factories.recipient(workspace)])
    db.session.execute(text("DELETE FROM workspaces WHERE id = :id"), {"id": workspace.id})
    left = "SELECT count(*) FROM recipients WHERE workspace_id = :id"
    assert db.session.execute(text(left), {"id": workspace.id}).scalar() == 0
    assert db.session.get(Workspace, workspace.id, populate_existing=True) is None
