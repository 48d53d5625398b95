"""The workspace's SMTP accounts."""

from __future__ import annotations

from flask import current_app, g

from campaign_app.api import trials
from campaign_app.api.routes import Routes, after_commit
from campaign_app.api.sender_shapes import (
    NewSender,
    SenderChanges,
    SenderOut,
    TestOrder,
    TestOutcome,
)
from campaign_app.api.shapes import Listing, Paging, listing
from campaign_app.extensions import db
from campaign_app.models.senders import Sender
from campaign_app.services import sender_details, sender_test_mail, senders
from campaign_app.services.sender_details import SenderDetails
from campaign_app.tasks import dispatch

routes = Routes("senders", load=senders.get)


@routes.post(status=201)
def create(body: NewSender) -> SenderOut:
    """Add a sender.

    Its host is looked up, and must not be a private one. Whether it lets us in, a test shows.
    """
    details = body.details()
    _check_host(details)
    sender = senders.create(
        g.workspace,
        details,
        user=g.user,
        vault=current_app.extensions["vault"],
        allow_private=_allow_private(),
    )
    return SenderOut.of(sender)


@routes.get()
def index(query: Paging) -> Listing[SenderOut]:
    """List the senders, the oldest first."""
    found = senders.page(g.workspace, after=query.after, size=query.limit + 1)
    return listing([SenderOut.of(sender) for sender in found], query)


@routes.get("/<int:sender_id>")
def show(sender: Sender) -> SenderOut:
    """Show a sender."""
    return SenderOut.of(sender)


@routes.patch("/<int:sender_id>")
def change(sender: Sender, body: SenderChanges) -> SenderOut:
    """Change a sender.

    What is left out stays. A stored password stays with its server and user: give it again when
    you change one of these. Running campaigns take up a new pace at once.
    """
    if body.given().keys() & {"host", "port"}:
        _check_host(body.applied(sender))
    senders.update(
        g.workspace,
        sender,
        body.applied(sender),  # read anew: it may have changed while the DNS was asked
        user=g.user,
        vault=current_app.extensions["vault"],
        allow_private=_allow_private(),
    )
    after_commit(dispatch.ring)
    return SenderOut.of(sender)


@routes.delete("/<int:sender_id>", conflicts=True)
def delete(sender: Sender) -> None:
    """Delete a sender that no scheduled, running or paused campaign uses."""
    senders.delete(g.workspace, sender, user=g.user)


@routes.post("/<int:sender_id>/test")
@trials.limited
def test(sender: Sender, body: TestOrder) -> TestOutcome:
    """Send a test e-mail at once, and tell what the server literally said."""
    return trials.send(sender, lambda to: sender_test_mail.compose(sender, to=to), to=body.to)


def _allow_private() -> bool:
    return bool(current_app.extensions["carillon_config"].allow_private_hosts)


def _check_host(details: SenderDetails) -> None:
    db.session.commit()  # no transaction stays open while the DNS thinks
    sender_details.check_host(details, allow_private=_allow_private())
