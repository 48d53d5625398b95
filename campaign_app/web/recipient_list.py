"""The list of recipients as a page and as a part of one: for the whole list and for a group."""

from __future__ import annotations

from typing import Any

from flask import Response, g, make_response, render_template, request, url_for

from campaign_app.lib import row_ids
from campaign_app.lib.errors import Invalid
from campaign_app.models.recipients import RecipientStatus
from campaign_app.services import (
    groups,
    recipient_index,
    recipient_pages,
    segments,
    suppressions,
    tags,
    tallies,
)
from campaign_app.services.recipient_filter import EVERYBODY, Filter
from campaign_app.services.recipient_pages import Listing, Place


def read_filter(values: dict[str, str], *, group_id: int | None = None) -> Filter:
    """What is asked for; what cannot be read is not asked for."""
    status = values.get("status", "")
    group, segment = values.get("group", ""), values.get("segment", "")
    return Filter(
        search=" ".join(values.get("q", "").split())[:200],
        status=RecipientStatus(status) if status in list(RecipientStatus) else None,
        group_id=group_id or next(iter(row_ids.read([group])), None),
        tag=" ".join(values.get("tag", "").split()).lower()[: tags.MAX_TAG],
        segment_id=next(iter(row_ids.read([segment])), None),
    )


def insisted_filter(values: dict[str, str]) -> Filter:
    """Exactly what is asked for: an action must not reach more people than were shown.

    Raises Invalid when a part of it cannot be read.
    """
    chosen = read_filter(values)
    read = {
        "q": chosen.search,
        "status": chosen.status or "",
        "group": str(chosen.group_id or ""),
        "tag": chosen.tag,
        "segment": str(chosen.segment_id or ""),
    }
    for name, understood in read.items():
        asked = " ".join(values.get(name, "").split())
        if understood != (asked.lower() if name == "tag" else asked):
            raise Invalid("The filter could not be read, so nothing was done. Choose it again.")
    return chosen


def show(template: str, chosen: Filter, *, part_only: bool = True, **more: object) -> Response:
    """The list inside its page, or alone when htmx asks for it."""
    page = recipient_pages.page(g.workspace, chosen, place=_place())
    context = {
        "page": page,
        "chosen": chosen,
        "everybody": EVERYBODY,
        "groups": groups.standing(g.workspace),
        "memberships": groups.of(g.workspace, [row.id for row in page.items]),
        "suppressed": suppressions.contains(g.workspace, [row.email for row in page.items]),
        "statuses": list(RecipientStatus),
        "tags": tallies.by_tag(g.workspace),
        "segments": segments.every(g.workspace),
        "indexing": recipient_index.progress(g.workspace) if chosen.search else None,
        "count_url": None if page.exact else _count_url(chosen),
        "previous_url": _url(chosen, page.previous),
        "next_url": _url(chosen, page.next),
        "first_url": _url(chosen, recipient_pages.START),
        **more,
    }
    partly = part_only and _wants_part()
    answer = make_response(
        render_template("recipients/list.html" if partly else template, **context)
    )
    # A browser must not show the part when it goes back to the page.
    answer.vary.add("HX-Request")
    if partly:
        answer.headers["HX-Push-Url"] = _here(chosen, page)
    return answer


def url_of(chosen: Filter, *, in_group: bool) -> str:
    """The page of those who match: a group's own page where one came from there."""
    asked = _query(chosen)
    if in_group and chosen.group_id:
        return url_for("groups.show", group_id=chosen.group_id, **asked)
    return url_for("recipients.index", **asked, group=chosen.group_id)


def _query(chosen: Filter) -> dict[str, Any]:
    """The filter as a query, but for its group."""
    return {
        "q": chosen.search or None,
        "status": chosen.status,
        "tag": chosen.tag or None,
        "segment": chosen.segment_id,
    }


def _count_url(chosen: Filter) -> str:
    return url_for("recipients.count", **_query(chosen), group=chosen.group_id)


def _place() -> Place:
    after, before, number = (request.args.get(name, "") for name in ("after", "before", "page"))
    if not (row_ids.is_one(after) or row_ids.is_one(before)):
        return recipient_pages.START
    return Place(
        number=max(2, int(number)) if row_ids.is_one(number) else 2,
        after=int(after) if row_ids.is_one(after) else None,
        before=int(before) if row_ids.is_one(before) else None,
    )


def _wants_part() -> bool:
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def _url(chosen: Filter, place: Place | None) -> str | None:
    if place is None:
        return None
    here = url_of(chosen, in_group=request.endpoint == "groups.show")
    if place == recipient_pages.START:
        return here
    at = f"after={place.after}" if place.after else f"before={place.before}"
    return f"{here}{'&' if '?' in here else '?'}{at}&page={place.number}"


def _here(chosen: Filter, page: Listing) -> str:
    at = _place() if page.number > 1 else recipient_pages.START
    return _url(chosen, at) or ""
