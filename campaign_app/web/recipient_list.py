"""The list of recipients as a page and as a part of one: for the whole list and for a group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Response, g, make_response, render_template, request, url_for

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
        group_id=group_id or next(iter(read_ids([group])), None),
        tag=" ".join(values.get("tag", "").split()).lower()[: tags.MAX_TAG],
        segment_id=next(iter(read_ids([segment])), None),
    )


def read_ids(texts: Iterable[str]) -> list[int]:
    """The row ids among the texts of a form."""
    return [int(text) for text in texts if _is_id(text)]


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


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _place() -> Place:
    after, before, number = (request.args.get(name, "") for name in ("after", "before", "page"))
    if not (_is_id(after) or _is_id(before)):
        return recipient_pages.START
    return Place(
        number=max(2, int(number)) if _is_id(number) else 2,
        after=int(after) if _is_id(after) else None,
        before=int(before) if _is_id(before) else None,
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
