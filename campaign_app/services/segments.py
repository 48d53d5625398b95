"""Segments: saved filters of recipients."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.segments import Segment
from campaign_app.services import segment_rules, segment_shapes


def get(workspace: HasId, segment_id: int) -> Segment:
    """The workspace's own segment. Raises NotFound."""
    return get_owned(workspace, Segment, segment_id)


def every(workspace: HasId) -> Sequence[Segment]:
    """All of them, by name."""
    return db.session.scalars(owned_by(workspace, Segment).order_by(func.lower(Segment.name))).all()


def condition(workspace: HasId, segment: Segment) -> ColumnElement[bool]:
    """Who belongs to it now, as a condition on the Recipient of a query."""
    return segment_rules.compiled(workspace, segment_shapes.stored(segment.rules))
