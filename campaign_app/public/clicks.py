"""Links of mails: `/c/<token>.<number>` counts the visit and leads on."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, redirect
from werkzeug.wrappers import Response

from campaign_app.public import hits
from campaign_app.tracking import links

bp = Blueprint("clicks", __name__)


@bp.get("/c/<token>")
def follow(token: str) -> Response:
    """Lead to the link's own address: never to one that the request names."""
    found = current_app.extensions["signer"].read_link(token)
    if found is None:
        abort(404)
    message_id, number = found
    url = links.target(message_id, number=number)
    if url is None or urlsplit(url).scheme not in ("http", "https"):
        abort(404)
    hits.note(message_id, link_number=number)
    answer = redirect(url, 302)
    answer.headers["Cache-Control"] = "no-store, private"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
