"""The people on the list: added, looked up, changed, deleted, and what they agreed to."""

from __future__ import annotations

from collections.abc import Callable

from flask import g

from campaign_app.api.problems import TakenError, wrong_parameter
from campaign_app.api.recipient_shapes import (
    ActiveFilter,
    BulkResult,
    NewRecipient,
    NewRecipients,
    OptIn,
    OptOut,
    Permission,
    RecipientChanges,
    RecipientFilter,
    RecipientOut,
)
from campaign_app.api.routes import Routes
from campaign_app.api.shapes import Listing, listing
from campaign_app.lib import address
from campaign_app.lib.errors import Conflict, Invalid, NotFound
from campaign_app.lib.tenancy import HasId
from campaign_app.models.recipients import Recipient, RecipientStatus
from campaign_app.services import (
    consent,
    groups,
    opt_ins,
    recipient_details,
    recipient_upserts,
    recipient_walk,
    recipients,
    segments,
    suppressions,
)
from campaign_app.services.recipients import AlreadyThereError

routes = Routes("recipients", load=recipients.get)

SOURCE = "api"


@routes.post(status=201, conflicts=True, idempotent=True)
def create(body: NewRecipient) -> RecipientOut:
    """Add a recipient.

    Subscribed: they agreed to be mailed. For an address that is on the list already it is refused
    (409) with its `existing_id`. A suppressed address joins the list, and stays unmailed; that of
    an erased person does not join it.
    """
    try:
        recipient = recipient_details.add(
            g.workspace, email=body.email, details=body.details(), user=g.user
        )
    except AlreadyThereError as error:
        raise TakenError(error.message, existing_id=error.recipient.id) from None
    return RecipientOut.of(g.workspace, recipient)


@routes.post("/bulk", idempotent=True)
def bulk(body: NewRecipients) -> BulkResult:
    """Add or update up to 1,000.

    Who is new is added, subscribed. Of who is known, the name and the attributes that are given
    change, the others stay, and the tags and groups come beside those they have. A wrong entry is
    told in its result, and harms no other; so is somebody who was erased. Nobody who has opted out
    comes back.
    """
    entries = body.entries()
    made = recipient_upserts.upsert(g.workspace, entries, user=g.user)
    return BulkResult.of(g.workspace, entries, made)


@routes.get()
def index(query: RecipientFilter) -> Listing[RecipientOut]:
    """List the recipients, the oldest first.

    Who joins while you read page by page comes at the end, and nobody is passed over.
    """
    _check_ids(query)
    found = recipient_walk.after(
        g.workspace,
        query.chosen(),
        place=query.after,
        size=query.limit + 1,
        email=_exact(query.email),
    )
    return listing(RecipientOut.all_of(g.workspace, found), query)


@routes.get("/active")
def active(query: ActiveFilter) -> Listing[RecipientOut]:
    """List those whom a campaign would reach: subscribed, and not suppressed."""
    _check_ids(query)
    found = recipient_walk.active(
        g.workspace, query.chosen(), place=query.after, size=query.limit + 1
    )
    return listing(RecipientOut.all_of(g.workspace, found), query)


@routes.get("/<int:recipient_id>")
def show(recipient: Recipient) -> RecipientOut:
    """Show a recipient."""
    return RecipientOut.of(g.workspace, recipient)


@routes.patch("/<int:recipient_id>", conflicts=True)
def change(recipient: Recipient, body: RecipientChanges) -> RecipientOut:
    """Change what is known of somebody.

    What is left out stays. Whoever has opted out is not brought back by this.
    """
    recipient_details.change(g.workspace, recipient, body.details())
    if body.opt_out:
        reason = "Opted out through the API"
        consent.unsubscribe(g.workspace, recipient, reason=reason, source=SOURCE, user=g.user)
    elif "opt_out" in body.model_fields_set and recipient.status != RecipientStatus.SUBSCRIBED:
        raise Conflict(
            f"{recipient.email} is {recipient.status}. To mail them again, POST /recipients/opt-in"
            " says how they asked for it."
        )
    return RecipientOut.of(g.workspace, recipient)


@routes.delete("/<int:recipient_id>")
def delete(recipient: Recipient) -> None:
    """Take somebody off the list.

    What they were sent still counts. Who was not subscribed is suppressed, so that no later list
    brings them back.
    """
    recipients.delete_one(g.workspace, recipient, user=g.user)


@routes.post("/opt-out")
def opt_out(body: OptOut) -> Permission:
    """Stop mailing an address, on the list or not.

    One that is not on the list is put on the suppression list, so that it cannot be mailed when it
    comes. Campaigns under way leave them out at once. It may be repeated.
    """
    reason = (body.reason or "").strip() or "Opted out through the API"
    changed = consent.opt_out(g.workspace, body.email, reason=reason, source=SOURCE)
    return _permission(body.email, changed=changed)


@routes.post("/opt-in", conflicts=True)
def opt_in(body: OptIn) -> Permission:
    """Mail an address that asked for it.

    The only way back for whoever has opted out or bounced; an address that is not on the list joins
    it. It may be repeated. Refused (409) for whoever complained, and for an address that was put
    on the suppression list by hand.
    """
    _, changed = opt_ins.opt_in(
        g.workspace, body.email, reason=body.reason, source=SOURCE, user=g.user
    )
    return _permission(body.email, changed=changed)


def _permission(email: str, *, changed: bool) -> Permission:
    normal = address.normalise(email)
    recipient = recipients.by_email(g.workspace, normal)
    return Permission(
        email=normal,
        recipient_id=recipient.id if recipient else None,
        status=recipient.status if recipient else None,
        suppressed=bool(suppressions.contains(g.workspace, [normal])),
        changed=changed,
    )


def _check_ids(query: ActiveFilter) -> None:
    """Raise BadInputError for a group or a segment that is not the workspace's."""
    if query.group_id:
        _insist(groups.get, "group", query.group_id)
    if query.segment_id:
        _insist(segments.get, "segment", query.segment_id)


def _insist(load: Callable[[HasId, int], object], noun: str, row_id: int) -> None:
    try:
        load(g.workspace, row_id)
    except NotFound:
        detail = f"There is no {noun} {row_id} in this workspace."
        raise wrong_parameter(f"{noun}_id", detail) from None


def _exact(email: str) -> str:
    """The address in the form it is stored in; "" for none."""
    try:
        return address.normalise(email) if email.strip() else ""
    except Invalid as error:
        raise wrong_parameter("email", error.message) from None
