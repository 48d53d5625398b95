"""One action on a selection of the list, or on everybody who matches its filter."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, request
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid, Unavailable
from campaign_app.services import groups, recipient_bulk
from campaign_app.services.recipient_bulk import Action, Order
from campaign_app.tasks import jobs
from campaign_app.web import recipient_list

bp = Blueprint("bulk", __name__, url_prefix="/bulk")

DONE = {
    Action.JOIN: "{} added to the group.",
    Action.LEAVE: "{} taken out of the group.",
    Action.UNSUBSCRIBE: "{} unsubscribed.",
    Action.RESUBSCRIBE: "{} subscribed again.",
    Action.DELETE: "{} deleted.",
}


@bp.post("")
def run() -> Response:
    """Do it at once, or in the background when there are many."""
    chosen = recipient_list.read_filter(request.form.to_dict())
    back = recipient_list.url_of(chosen, in_group="in_group" in request.form)
    try:
        order, short = recipient_bulk.prepare(g.workspace, _order())
        if short:
            _now(order)
        else:
            _later(order)
    except (Invalid, Unavailable) as error:
        db.session.rollback()
        flash(error.message, "danger")
    return redirect(back)


def _order() -> Order:
    """What the form asks for. Raises Invalid when it asks for nothing."""
    action = request.form.get("action", "")
    if action not in list(Action):
        raise Invalid("Choose what to do with them.")
    ids = tuple(recipient_list.read_ids(request.form.getlist("id")))
    everybody = request.form.get("everybody") == "1"
    if not ids and not everybody:
        raise Invalid("Choose at least one recipient.")
    return Order(
        action=Action(action),
        ids=() if everybody else ids,
        chosen=recipient_list.read_filter(request.form.to_dict()),
        group_id=_group_id(Action(action)),
        reason=request.form.get("reason", "").strip(),
    )


def _group_id(action: Action) -> int | None:
    """The group of the order, made first when a new one is named."""
    if action not in (Action.JOIN, Action.LEAVE):
        return None
    new_name = request.form.get("new_group", "")
    if action == Action.JOIN and new_name.strip():
        return groups.create(g.workspace, name=new_name, user=g.user).id
    chosen = recipient_list.read_ids(request.form.getlist("target_group"))
    if not chosen:
        raise Invalid("Choose a group.")
    return chosen[0]


def _now(order: Order) -> None:
    changed = recipient_bulk.run(g.workspace, order, user=g.user)
    db.session.commit()
    people = f"{changed:,} {'recipient was' if changed == 1 else 'recipients were'}"
    rest = len(order.ids) - changed
    if not changed:
        flash("Nothing to change: that is how it was already.", "info")
    elif rest > 0:
        flash(
            f"{DONE[order.action].format(people)} The other {rest:,} stay as they were.", "success"
        )
    else:
        flash(DONE[order.action].format(people), "success")


def _later(order: Order) -> None:
    recipient_bulk.record_start(g.workspace, order, user=g.user)
    db.session.commit()
    jobs.ring_bulk(g.workspace.id, g.user.id, order.as_json())
    flash(
        "That is a lot of people: it is being done in the background. The activity log on the"
        " dashboard says when it is done.",
        "info",
    )
