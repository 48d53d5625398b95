"""Development only: what the mail catcher has received, as its recipients would see it."""

from __future__ import annotations

from pathlib import Path

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from campaign_app.lib import maildir
from campaign_app.web import door, previews
from config import Config

bp = Blueprint("mailbox", __name__, url_prefix="/dev/mailbox")
bp.before_request(door.require_member)


@bp.get("/")
def index() -> str:
    """The list, newest first."""
    number = max(1, request.args.get("page", 1, type=int))
    return render_template("mailbox/index.html", page=maildir.page(_folder(), number=number))


@bp.get("/<key>")
def show(key: str) -> str:
    """One message: its HTML, its text, its headers and its source."""
    return render_template("mailbox/show.html", letter=maildir.read(_folder(), key))


@bp.get("/<key>/html")
def html(key: str) -> Response:
    """The message's HTML alone, for the sandboxed frame; links open in a new tab."""
    return previews.frame(maildir.read(_folder(), key).html or "")


@bp.get("/<key>/source")
def source(key: str) -> Response:
    """The message as it came over the wire."""
    return Response(maildir.read(_folder(), key).source, mimetype="text/plain")


@bp.post("/clear")
def clear() -> BaseResponse:
    """Empty the mailbox."""
    thrown_away = maildir.clear(_folder())
    flash(f"{thrown_away:,} messages were thrown away.", "success")
    return redirect(url_for("mailbox.index"))


def _folder() -> Path:
    config: Config = current_app.extensions["carillon_config"]
    return Path(config.mailbox_dir)
