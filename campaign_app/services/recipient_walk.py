"""The list of recipients for a program that reads all of it, page by page, oldest first.

In this order whoever joins meanwhile comes at the end, and nobody is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, exists

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.recipients import Recipient, RecipientStatus, Suppression
from campaign_app.services import recipient_filter, suppressions
from campaign_app.services.recipient_filter import Filter


def after(
    workspace: HasId, chosen: Filter, *, place: int = 0, size: int = 100, email: str = ""
) -> Sequence[Recipient]:
    """Those who match after a recipient's id; `email` is a whole, normalised address."""
    ids = _from(workspace, chosen, place, size)
    return _rows(workspace, ids.where(Recipient.email == email) if email else ids)


def active(
    workspace: HasId, chosen: Filter, *, place: int = 0, size: int = 100
) -> Sequence[Recipient]:
    """Those of them whom a campaign would reach: subscribed, and not suppressed."""
    ids = _from(workspace, chosen, place, size)
    reached = (Recipient.status == RecipientStatus.SUBSCRIBED, ~_is_suppressed(workspace))
    return _rows(workspace, ids.where(*reached))


def _from(workspace: HasId, chosen: Filter, place: int, size: int) -> Select[int]:
    matching = recipient_filter.matching(workspace, chosen)
    return recipient_filter.above(matching, chosen, place).order_by(Recipient.id).limit(size)


def _rows(workspace: HasId, ids: Select[int]) -> Sequence[Recipient]:
    return db.session.scalars(
        owned_by(workspace, Recipient)
        .where(Recipient.id.in_(ids.subquery().select()))
        .order_by(Recipient.id)
    ).all()


def _is_suppressed(workspace: HasId) -> ColumnElement[bool]:
    return exists().where(
        Suppression.workspace_id == workspace.id,
        Suppression.email_hash == suppressions.digest(Recipient.email),
    )
