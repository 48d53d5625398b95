"""Segments as a program reads and changes them: page by page, and field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.exc import InvalidRequestError

from campaign_app.extensions import db
from campaign_app.lib.errors import NotFound
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.people import User
from campaign_app.models.segments import Segment
from campaign_app.services import segments


def page(workspace: HasId, *, after: int = 0, size: int = 100) -> Sequence[Segment]:
    """The segments in the order they were made, after an id."""
    return db.session.scalars(
        owned_by(workspace, Segment).where(Segment.id > after).order_by(Segment.id).limit(size)
    ).all()


def change(
    workspace: HasId,
    segment: Segment,
    *,
    name: str | None = None,
    rules: Mapping[str, Any],
    user: User,
) -> None:
    """Change its name, or those parts of its rules that are given. Raises as `segments.create`."""
    try:
        db.session.refresh(segment, with_for_update=True)  # two changes at once are both kept
    except InvalidRequestError:
        raise NotFound from None
    whole = {**segment.rules, **rules}
    wanted = segment.name if name is None else name
    segments.edit(workspace, segment, name=wanted, rules=whole, user=user)
