"""Saved filters of recipients, for the `segment_ids` of campaigns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import g

from campaign_app.api.problems import BadInputError, Mistake
from campaign_app.api.routes import Routes
from campaign_app.api.segment_shapes import (
    NewSegment,
    SegmentChanges,
    SegmentCount,
    SegmentOut,
    pointers,
)
from campaign_app.api.shapes import Listing, Paging, listing
from campaign_app.lib.errors import InvalidEntries
from campaign_app.models.segments import Segment
from campaign_app.services import segment_details, segment_shapes, segments

routes = Routes("segments", load=segments.get)


@routes.get()
def index(query: Paging) -> Listing[SegmentOut]:
    """List the segments, the oldest first."""
    found = segment_details.page(g.workspace, after=query.after, size=query.limit + 1)
    return listing(SegmentOut.all_of(g.workspace, found), query)


@routes.post(status=201, idempotent=True)
def create(body: NewSegment) -> SegmentOut:
    """Save a filter as a segment.

    It is worked out anew whenever it is used; a campaign that starts keeps whom it found.
    """
    with _rules_named(body):
        segment = segments.create(g.workspace, name=body.name, rules=body.asked(), user=g.user)
    return SegmentOut.of(g.workspace, segment)


@routes.get("/<int:segment_id>")
def show(segment: Segment) -> SegmentOut:
    """Show a segment."""
    return SegmentOut.of(g.workspace, segment)


@routes.get("/<int:segment_id>/count")
def count(segment: Segment) -> SegmentCount:
    """Count who belongs to it now, whatever their status."""
    rules = segment_shapes.stored(segment.rules)
    return SegmentCount(count=segments.count(g.workspace, rules))


@routes.patch("/<int:segment_id>")
def change(segment: Segment, body: SegmentChanges) -> SegmentOut:
    """Change a segment.

    What is left out stays. `rules` take the place of all former ones. Campaigns that have started
    keep whom they found.
    """
    name = body.name if "name" in body.model_fields_set else None
    with _rules_named(body):
        segment_details.change(g.workspace, segment, name=name, rules=body.asked(), user=g.user)
    return SegmentOut.of(g.workspace, segment)


@routes.delete("/<int:segment_id>", conflicts=True)
def delete(segment: Segment) -> None:
    """Delete a segment that no campaign is still to use."""
    segments.delete_one(g.workspace, segment, user=g.user)


@contextmanager
def _rules_named(body: SegmentChanges) -> Iterator[None]:
    """Say of each wrong rule where it stands: the services count them through."""
    try:
        yield
    except InvalidEntries as error:
        places = dict(enumerate(pointers(body.rules)))
        found = [
            Mistake(pointer=places.get(number, "/rules"), detail=what)
            for number, what in error.entries.items()
        ]
        raise BadInputError(error.message, mistakes=found) from None
