"""The list of recipients, page by page, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaign_app.extensions import db
from campaign_app.lib.paging import Page
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.recipients import Recipient
from campaign_app.services import recipient_filter, recipient_search
from campaign_app.services.recipient_filter import EVERYBODY, Count, Filter

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after a recipient's id or before one, else at the newest.

    `number` is for showing only: an OFFSET would read all that it skips.
    """

    number: int = 1
    after: int | None = None
    before: int | None = None


START = Place()


@dataclass(frozen=True, slots=True)
class Listing(Page[Recipient]):
    """A page of recipients and the places next to it."""

    exact: bool = True
    """False when more than `total` match."""
    previous: Place | None = None
    next: Place | None = None


def page(
    workspace: HasId,
    chosen: Filter = EVERYBODY,
    *,
    place: Place = START,
    size: int = PAGE_SIZE,
) -> Listing:
    """One page of those who match; the first one where the place has vanished meanwhile."""
    ids, count = _ids(workspace, chosen, place, size + 1)
    if place != START and len(ids) < (size if place.before else 1):
        return page(workspace, chosen, size=size)
    more = bool(place.before) or len(ids) > size
    rows = _rows(workspace, ids[:size])
    return Listing(
        items=rows,
        number=place.number,
        total=max(count.number, len(rows)),
        size=size,
        exact=count.exact,
        previous=_previous(place, rows),
        next=Place(place.number + 1, after=rows[-1].id) if more and rows else None,
    )


def _previous(place: Place, rows: Sequence[Recipient]) -> Place | None:
    if place.number <= 1 or not rows:
        return None
    return START if place.number == 2 else Place(place.number - 1, before=rows[0].id)


def _ids(workspace: HasId, chosen: Filter, place: Place, limit: int) -> tuple[Sequence[int], Count]:
    """Ids from the place on (for `before` the nearest come first), and how many match in all."""
    if not chosen.search:
        return _walk(workspace, chosen, place, limit), recipient_filter.count(workspace, chosen)
    found = recipient_search.found(workspace, chosen)
    ids = [row_id for row_id in found if not place.after or row_id < place.after]
    if place.before:
        ids = [row_id for row_id in reversed(found) if row_id > place.before]
    cap = recipient_search.UP_TO
    return ids[:limit], Count(min(len(found), cap), exact=len(found) <= cap)


def _walk(workspace: HasId, chosen: Filter, place: Place, limit: int) -> Sequence[int]:
    query = recipient_filter.matching(workspace, chosen).limit(limit)
    if place.before:
        query = recipient_filter.above(query, chosen, place.before).order_by(Recipient.id)
    else:
        query = query.order_by(Recipient.id.desc())
        if place.after:
            query = recipient_filter.below(query, chosen, place.after)
    return db.session.scalars(query).all()


def _rows(workspace: HasId, ids: Sequence[int]) -> Sequence[Recipient]:
    return db.session.scalars(
        owned_by(workspace, Recipient).where(Recipient.id.in_(ids)).order_by(Recipient.id.desc())
    ).all()
