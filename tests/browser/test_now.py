"""The page "Right now" keeps itself up to date: rows come and go, figures move, nobody reloads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from campaign_app.extensions import db
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.models.messages import Batch
from campaign_app.models.people import Workspace
from campaign_app.services import people
from tests import mailings
from tests.browser import pages
from tests.browser.conftest import Enter
from tests.browser.site import Site
from tests.browser.watch import Watch

pytestmark = pytest.mark.browser

EMAIL = "ana@now.example"


@pytest.fixture
def workspace(site: Site) -> Iterator[Workspace]:
    """That of ana@now.example, who has nothing yet."""
    with site.app.app_context():
        ana = people.sign_up(name="Ana Marković", email=EMAIL, password=pages.PASSWORD)
        db.session.commit()
        yield ana.workspace
        db.session.remove()


def test_campaigns_come_and_go_by_themselves(workspace: Workspace, enter: Enter, watch: Watch):
    page = enter()
    pages.log_in(page, EMAIL)
    page.get_by_role("link", name="Right now").click()
    expect(page.get_by_text("Nothing is being sent")).to_be_visible()
    expect(page.get_by_text("Part of Carillon is not running")).to_be_visible()
    page.evaluate("window.sameDocument = true")
    campaign = mailings.mailing(workspace, ["sent", "pending", "pending"], name="Autumn")
    expect(page.get_by_role("link", name="Autumn")).to_be_visible()
    expect(pages.figure(page, "Left to send")).to_have_text("2")
    send_one(workspace)
    expect(pages.figure(page, "Left to send")).to_have_text("1")
    expect(page.locator(f"[data-live='c{campaign.id}.done']")).to_have_text("2")
    campaign.status = CampaignStatus.COMPLETED
    db.session.commit()
    expect(page.get_by_text("Nothing is being sent")).to_be_visible()
    assert pages.is_same_document(page)
    assert not watch.found


def send_one(workspace: Workspace) -> None:
    batches = db.session.query(Batch).filter_by(workspace_id=workspace.id)
    batches.order_by(Batch.id).first().sent = 2
    db.session.commit()
