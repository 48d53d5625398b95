"""The list of recipients for a program that reads all of it, page by page, oldest first.

In this order whoever joins meanwhile comes at the end, and nobody is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, exists, select, union

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.recipients import Recipient, RecipientStatus, Suppression
from campaign_app.services import recipient_filter, suppressions
from campaign_app.services.recipient_filter import Filter


def after(
    workspace: HasId, chosen: Filter, *, place: int = 0, size: int = 100, email: str = ""
) -> Sequence[Recipient]:
    """Those who match after a recipient's id; `email` is a whole, normalised address."""
    exactly = [Recipient.email == email] if email else []
    return _walk(workspace, chosen, exactly, place, size)


def active(
    workspace: HasId, chosen: Filter, *, place: int = 0, size: int = 100
) -> Sequence[Recipient]:
    """Those of them whom a campaign would reach: subscribed, and not suppressed."""
    reached = [Recipient.status == RecipientStatus.SUBSCRIBED, ~_is_suppressed(workspace)]
    return _walk(workspace, chosen, reached, place, size)


def _walk(
    workspace: HasId,
    chosen: Filter,
    conditions: Sequence[ColumnElement[bool]],
    place: int,
    size: int,
) -> Sequence[Recipient]:
    # The first of a search are among the first by address, by name and by words: each kind is
    # walked by itself and no further, whatever the number of those who match.
    kinds = [
        recipient_filter.above(kind.where(*conditions), chosen, place)
        .order_by(Recipient.id)
        .limit(size)
        .subquery()
        for kind in _kinds(workspace, chosen)
    ]
    ids = union(*(select(kind.c.id) for kind in kinds)).subquery()
    return db.session.scalars(
        owned_by(workspace, Recipient)
        .where(Recipient.id.in_(select(ids.c.id)))
        .order_by(Recipient.id)
        .limit(size)
    ).all()


def _kinds(workspace: HasId, chosen: Filter) -> Sequence[Select[int]]:
    if chosen.search:
        return recipient_filter.halves(workspace, chosen)
    return [recipient_filter.matching(workspace, chosen)]


def _is_suppressed(workspace: HasId) -> ColumnElement[bool]:
    return exists().where(
        Suppression.workspace_id == workspace.id,
        Suppression.email_hash == suppressions.digest(Recipient.email),
    )
