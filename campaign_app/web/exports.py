"""Every list as a file, CSV or Excel."""

from __future__ import annotations

from flask import Blueprint, g, request
from werkzeug.wrappers import Response

from campaign_app.lib import patience
from campaign_app.services import exports, groups, segments
from campaign_app.services.recipient_filter import Filter
from campaign_app.web import downloads, recipient_list
from campaign_app.web.downloads import KINDS

bp = Blueprint("exports", __name__, url_prefix="/exports")


@bp.before_request
def take_time() -> None:
    """Let a file of millions be gathered: its reader expects to wait."""
    patience.without_end()


@bp.get(f"/recipients.<{KINDS}:kind>")
def recipients(kind: str) -> Response:
    """Those who match the filter that the page's address carries."""
    chosen = recipient_list.read_filter(request.args.to_dict())
    return downloads.download("Recipients", *exports.recipients(g.workspace, chosen), kind)


@bp.get(f"/groups/<int:group_id>.<{KINDS}:kind>")
def group(group_id: int, kind: str) -> Response:
    """Everybody in a group."""
    row = groups.get(g.workspace, group_id)
    found = exports.recipients(g.workspace, Filter(group_id=row.id))
    return downloads.download(row.name, *found, kind)


@bp.get(f"/segments/<int:segment_id>.<{KINDS}:kind>")
def segment(segment_id: int, kind: str) -> Response:
    """Who belongs to a segment now."""
    row = segments.get(g.workspace, segment_id)
    return downloads.download(row.name, *exports.segment(g.workspace, row.id), kind)


@bp.get(f"/suppressions.<{KINDS}:kind>")
def suppressions(kind: str) -> Response:
    """The suppression list."""
    return downloads.download("Suppression list", *exports.suppressions(g.workspace), kind)


@bp.get(f"/consent.<{KINDS}:kind>")
def consent(kind: str) -> Response:
    """The consent log, of everybody or of one address."""
    email = request.args.get("email", "").strip().lower()
    found = exports.consent(g.workspace, email=email)
    return downloads.download(f"Consent {email}".strip(), *found, kind)
