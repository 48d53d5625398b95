"""An account that has something on every page, with names as long as people make them."""

from __future__ import annotations

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import Group
from campaign_app.services import people
from tests import factories, mailings
from tests.browser import pages
from tests.browser.site import Site

LONG = "An early summer newsletter of the Northern Branch, second attempt with corrections"
DRAFT = f"{LONG}, to be sent"
ADDRESS = "maximiliane.featherstonehaugh-cholmondeley@accounts.northern-branch.example.com"
REPLY = "5.1.1 <somebody@example.com>: Recipient address rejected: User unknown in virtual table"


def account(site: Site, *, email: str) -> str:
    """Make the account; gives its address. Whoever knows PASSWORD can log in."""
    with site.app.app_context():
        membership = people.sign_up(name="Ana Marković", email=email, password=pages.PASSWORD)
        db.session.commit()
        _furnish(membership.workspace)
        db.session.remove()
    return email


def _furnish(workspace: Workspace) -> None:
    sent = mailings.mailing(workspace, ["sent", "sent", "failed", "failed"], name=LONG)
    mailings.refuse(mailings.message(sent, 2), REPLY)
    mailings.refuse(mailings.message(sent, 3), REPLY)
    mailings.freeze(sent)
    # The lists show the newest first, and a walk through them follows the first link of a kind.
    person = factories.recipient(
        workspace, email=ADDRESS, name=LONG, attributes={"favourite_of_many_cities": LONG}
    )
    group = factories.group(workspace, name=LONG, members=[person])
    factories.template(workspace, name=LONG, subject=LONG)
    sender = factories.sender(workspace, name=LONG, host=f"smtp.{ADDRESS.partition('@')[2]}")
    factories.campaign(workspace, name=DRAFT, groups=[group], sender_id=sender.id)
    factories.save(_import(workspace, group))


def _import(workspace: Workspace, group: Group) -> Import:
    return Import(
        workspace_id=workspace.id,
        filename=f"{LONG.replace(' ', '_')}.csv",
        storage_key="gone.csv",
        size=48_000,
        state=ImportState.DONE,
        options={"kind": "csv", "encoding": "utf-8", "delimiter": ","},
        group_ids=[group.id],
        finished_at=clock.now(),
        rows=1_000,
        new=900,
        duplicates=60,
        invalid=40,
        suppressed=3,
    )
