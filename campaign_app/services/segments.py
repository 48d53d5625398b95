"""Segments: saved filters of recipients."""

from __future__ import annotations

from sqlalchemy import ColumnElement

from campaign_app.lib.tenancy import HasId, get_owned
from campaign_app.models.segments import Segment
from campaign_app.services import segment_rules, segment_shapes


def get(workspace: HasId, segment_id: int) -> Segment:
    """The workspace's own segment. Raises NotFound."""
    return get_owned(workspace, Segment, segment_id)


def condition(workspace: HasId, segment: Segment) -> ColumnElement[bool]:
    """Who belongs to it now, as a condition on the Recipient of a query."""
    return segment_rules.compiled(workspace, segment_shapes.stored(segment.rules))
