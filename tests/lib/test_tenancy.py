"""Belts one and two: scoped reads, and the guard that refuses the others."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import aliased

from campaign_app.extensions import db
from campaign_app.lib import tenancy
from campaign_app.lib.errors import NotFound
from campaign_app.models.campaigns import Campaign, CampaignGroup
from campaign_app.models.people import User
from campaign_app.models.recipients import Recipient
from tests import factories
from tests.people import Person


def test_a_stranger_does_not_find_anothers_row(alice: Person, charlie: Person):
    recipient = factories.recipient(alice.workspace)
    assert tenancy.get_owned(alice.workspace, Recipient, recipient.id).id == recipient.id
    with pytest.raises(NotFound):
        tenancy.get_owned(charlie.workspace, Recipient, recipient.id)


@pytest.mark.parametrize(
    "statement",
    [
        select(Recipient),
        select(Recipient.email),
        select(aliased(Recipient)),
        update(Recipient).values(name="x").where(Recipient.id == 1),
        select(Campaign)
        .where(Campaign.workspace_id == 1)
        .join(CampaignGroup, CampaignGroup.campaign_id == Campaign.id),
    ],
)
def test_the_guard_refuses_a_statement_that_names_no_workspace(session: None, statement):
    with pytest.raises(tenancy.UnscopedQueryError):
        db.session.execute(statement)


def test_the_guard_lets_scoped_and_deliberate_statements_through(alice: Person):
    db.session.execute(tenancy.owned_by(alice.workspace, Recipient))
    db.session.execute(select(Recipient).execution_options(all_workspaces=True))
    db.session.execute(select(User))
