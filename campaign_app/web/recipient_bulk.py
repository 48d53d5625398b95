"""Actions on a selection of the list, or on everybody who matches: asked for, watched, undone."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib import clock, row_ids
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.recipient_bulk import ACTIVE, Action, BulkAction, BulkState
from campaign_app.services import bulk_words, groups, recipient_bulk
from campaign_app.services.bulk_orders import Order
from campaign_app.services.recipient_filter import EVERYBODY
from campaign_app.tasks import jobs
from campaign_app.web import door, recipient_list

bp = Blueprint("bulk", __name__, url_prefix="/bulk")

FRESH = timedelta(minutes=1)
"""How long an action's undo stands above the list."""


@bp.get("/")
def index() -> str:
    """The latest actions, each with its progress and its undo."""
    return render_template("recipients/bulk.html", rows=_rows())


@bp.get("/rows")
def rows() -> str:
    """The same as a part of a page, asked for again while one is at work."""
    return render_template("recipients/bulk_rows.html", rows=_rows())


@bp.get("/strip")
def strip() -> str:
    """What is at work now, for the top of the list."""
    seen = urlsplit(request.headers.get("HX-Current-URL", ""))
    here = door.local_path(f"{seen.path}?{seen.query}" if seen.path else None)
    return render_template("recipients/bulk_strip.html", rows=at_work(), was=True, here=here)


@bp.post("")
def run() -> Response:
    """Do it at once, or in the background when there are many."""
    chosen = recipient_list.read_filter(request.form.to_dict())
    back = recipient_list.url_of(chosen, in_group="in_group" in request.form)
    try:
        begin(*recipient_bulk.ask(g.workspace, _order(), user=g.user))
    except Invalid as error:
        db.session.rollback()
        flash(error.message, "danger")
    return redirect(back)


@bp.post("/<int:bulk_id>/stop")
def stop(bulk_id: int) -> Response:
    """End one that is at work; what was done can be undone."""
    bulk = recipient_bulk.get(g.workspace, bulk_id)
    try:
        recipient_bulk.stop(g.workspace, bulk, user=g.user)
        db.session.commit()
        flash("Stopped. What was done until now can be undone.", "info")
    except Conflict as error:
        db.session.rollback()
        flash(error.message, "info")
    return redirect(url_for("recipients.bulk.index"))


@bp.post("/<int:bulk_id>/undo")
def undo(bulk_id: int) -> Response:
    """Take it back, as far as nothing has changed since."""
    bulk = recipient_bulk.get(g.workspace, bulk_id)
    back = door.local_path(request.form.get("next") or url_for("recipients.bulk.index"))
    try:
        begin(bulk, recipient_bulk.undo(g.workspace, bulk, user=g.user))
    except Conflict as error:
        db.session.rollback()
        flash(error.message, "info")
    return redirect(back)


def begin(bulk: BulkAction | None, short: bool) -> None:
    """Do a short action now; commit a long one and ring for it. Says which, or what came of it."""
    if bulk is None:
        db.session.commit()
    elif short:
        recipient_bulk.run(bulk)
        db.session.commit()
        _say(bulk)
    else:
        db.session.commit()
        jobs.ring_bulk(bulk.id)
        flash("That is a lot of people: it is being done in the background.", "info")


def at_work() -> list[dict[str, object]]:
    """The actions that are at work now, or that the user gave a moment ago, ready to be shown."""
    latest = recipient_bulk.recent(g.workspace, limit=10)
    return [_row(bulk) for bulk in latest if bulk.state in ACTIVE or _is_fresh(bulk)]


def _is_fresh(bulk: BulkAction) -> bool:
    ended = bulk.finished_at
    is_recent = ended is not None and ended > clock.now() - FRESH
    return is_recent and bulk.user_id == g.user.id and bulk.has_changed


def _say(bulk: BulkAction) -> None:
    if bulk.state == BulkState.UNDONE:
        words = bulk_words.undone(g.workspace, bulk)
    elif bulk.has_changed or bulk.refused:
        words = bulk_words.outcome(g.workspace, bulk)
    else:
        flash("Nothing to change: that is how it was already.", "info")
        return
    rest = (bulk.total or 0) - bulk.changed - bulk.refused
    more = f" The other {rest:,} stay as they are." if rest and not bulk.restored else ""
    flash(f"{words[0].upper()}{words[1:]}.{more}", "success")


def _rows() -> list[dict[str, object]]:
    return [_row(bulk) for bulk in recipient_bulk.recent(g.workspace)]


def _row(bulk: BulkAction) -> dict[str, object]:
    active, undoing = bulk.state in ACTIVE, bulk.state == BulkState.UNDOING
    phrase = bulk_words.intent if active and not undoing else bulk_words.outcome
    done = bulk.restored + bulk.spared if undoing else bulk.done
    return {
        "bulk": bulk,
        "words": phrase(g.workspace, bulk),
        "by": recipient_bulk.asked_by(bulk),
        "active": active,
        "undoing": undoing,
        "done": done,
        "total": bulk.changed if undoing else bulk.total,
        "can_undo": recipient_bulk.can_undo(bulk),
    }


def _order() -> Order:
    """What the form asks for. Raises Invalid when it asks for nothing."""
    action = request.form.get("action", "")
    if action not in list(Action):
        raise Invalid("Choose what to do with them.")
    ids = tuple(row_ids.read(request.form.getlist("id")))
    everybody = request.form.get("everybody") == "1"
    if not ids and not everybody:
        raise Invalid("Choose at least one recipient.")
    return Order(
        action=Action(action),
        ids=() if everybody else ids,
        chosen=recipient_list.insisted_filter(request.form.to_dict()) if everybody else EVERYBODY,
        group_id=_group_id(Action(action)),
        tag=request.form.get("new_tag", ""),
        reason=request.form.get("reason", "").strip(),
    )


def _group_id(action: Action) -> int | None:
    """The group of the order, made first when a new one is named."""
    if action not in (Action.JOIN, Action.LEAVE):
        return None
    new_name = request.form.get("new_group", "")
    if action == Action.JOIN and new_name.strip():
        return groups.create(g.workspace, name=new_name, user=g.user).id
    chosen = row_ids.read(request.form.getlist("target_group"))
    if not chosen:
        raise Invalid("Choose a group.")
    return chosen[0]
