"""Links of mails: `/c/<token>.<number>` counts the visit and leads on."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, make_response, redirect, render_template
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
    if url is None:
        return _private(_missing(message_id, token))
    if urlsplit(url).scheme not in ("http", "https"):
        abort(404)
    hits.note(message_id, link_number=number)
    return _private(redirect(url, 302))


def _missing(message_id: int, token: str) -> Response:
    """A page for somebody with an old mail, whose campaign was deleted since; else a plain 404."""
    mail = links.mail_of(message_id)
    if mail is not None and mail.has_campaign:
        abort(404)
    page = render_template("public/gone.html", mail=mail, token=token.partition(".")[0])
    return make_response(page, 410)


def _private(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store, private"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
