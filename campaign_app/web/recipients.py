"""The people on the list: finding, adding, editing, and letting go."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import DataRequired

from campaign_app.extensions import db
from campaign_app.lib import patience, row_ids
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.recipients import Recipient
from campaign_app.services import (
    consent,
    groups,
    imports,
    recipient_filter,
    recipient_index,
    recipients,
    suppressions,
)
from campaign_app.services.recipients import AlreadyThereError
from campaign_app.web import forms, recipient_bulk, recipient_list
from campaign_app.web import suppressions as suppression_pages

bp = Blueprint("recipients", __name__, url_prefix="/recipients")
bp.register_blueprint(recipient_bulk.bp)
bp.register_blueprint(suppression_pages.bp)

COUNT_SECONDS = 10.0
"""How long counting to the end may take; then the list goes on saying "more than"."""


class RecipientForm(FlaskForm):
    """A person; attributes and groups are read beside it, since their number is open."""

    email = StringField("E-mail address", [DataRequired("Enter an e-mail address.")])
    name = StringField("Name")


@bp.get("/")
def index() -> Response:
    """Everybody, or those who match."""
    chosen = recipient_list.read_filter(request.args.to_dict())
    return recipient_list.show("recipients/index.html", chosen, at_work=recipient_bulk.at_work())


@bp.get("/count")
def count() -> str:
    """How many match, counted to the end: the list shows it when it is there."""
    chosen = recipient_list.read_filter(request.args.to_dict())
    ask = partial(recipient_filter.count_to_the_end, g.workspace, chosen)
    number = patience.within(COUNT_SECONDS, ask)
    least = recipient_filter.EXACT_UP_TO
    return render_template("recipients/count.html", number=number, least=least)


@bp.get("/words")
def words() -> str:
    """How far the index of words is, for a search that waits for it."""
    indexing = recipient_index.progress(g.workspace)
    return render_template("recipients/indexing.html", indexing=indexing)


@bp.route("/new", methods=["GET", "POST"])
def new() -> Response | str | tuple[str, int]:
    """Put somebody on the list."""
    form = RecipientForm()
    if form.validate_on_submit():
        try:
            return _create(form)
        except Invalid as error:
            db.session.rollback()
            return _form_page(form, None, error)
    return _form_page(form, None)


@bp.get("/<int:recipient_id>")
def show(recipient_id: int) -> str:
    """One person: what is known, what they agreed to, what they got."""
    return _person_page(recipients.get(g.workspace, recipient_id))


@bp.route("/<int:recipient_id>/edit", methods=["GET", "POST"])
def edit(recipient_id: int) -> Response | str | tuple[str, int]:
    """Change what is known of somebody."""
    recipient = recipients.get(g.workspace, recipient_id)
    form = RecipientForm(obj=recipient)
    if form.validate_on_submit():
        try:
            return _update(recipient, form)
        except Invalid as error:
            db.session.rollback()
            return _form_page(form, recipients.get(g.workspace, recipient_id), error)
    return _form_page(form, recipient)


@bp.post("/<int:recipient_id>/delete")
def delete(recipient_id: int) -> Response:
    """Take somebody off the list."""
    recipient = recipients.get(g.workspace, recipient_id)
    email = recipient.email
    recipients.delete_one(g.workspace, recipient, user=g.user)
    db.session.commit()
    flash(f"{email} is deleted.", "success")
    return redirect(url_for("recipients.index"))


@bp.post("/<int:recipient_id>/unsubscribe")
def unsubscribe(recipient_id: int) -> Response:
    """Stop mailing somebody."""
    recipient = recipients.get(g.workspace, recipient_id)
    reason = request.form.get("reason", "").strip() or f"Unsubscribed by {g.user.name}"
    consent.unsubscribe(g.workspace, recipient, reason=reason, source="page", user=g.user)
    db.session.commit()
    flash(f"{recipient.email} will get no more mail.", "success")
    return redirect(url_for("recipients.show", recipient_id=recipient_id))


@bp.post("/<int:recipient_id>/resubscribe")
def resubscribe(recipient_id: int) -> Response:
    """Mail somebody again."""
    recipient = recipients.get(g.workspace, recipient_id)
    reason = request.form.get("reason", "")
    try:
        consent.resubscribe(g.workspace, recipient, reason=reason, source="page", user=g.user)
        db.session.commit()
        flash(f"{recipient.email} is subscribed again.", "success")
    except (Invalid, Conflict) as error:
        db.session.rollback()
        flash(error.message, "danger")
    return redirect(url_for("recipients.show", recipient_id=recipient_id))


def _create(form: RecipientForm) -> Response:
    recipient = recipients.add(
        g.workspace,
        email=form.email.data or "",
        name=form.name.data or "",
        pairs=_pairs(),
        user=g.user,
    )
    groups.assign(g.workspace, recipient, _group_ids())
    db.session.commit()
    flash(f"{recipient.email} is on your list.", "success")
    return redirect(url_for("recipients.show", recipient_id=recipient.id))


def _update(recipient: Recipient, form: RecipientForm) -> Response:
    recipients.save_attributes(recipient, _pairs())
    recipients.edit(
        g.workspace,
        recipient,
        email=form.email.data or "",
        name=form.name.data or "",
        user=g.user,
    )
    groups.assign(g.workspace, recipient, _group_ids())
    db.session.commit()
    flash("Saved.", "success")
    return redirect(url_for("recipients.show", recipient_id=recipient.id))


def _pairs() -> list[tuple[str, str]]:
    keys, values = request.form.getlist("attribute_key"), request.form.getlist("attribute_value")
    return list(zip(keys, values, strict=False))


def _group_ids() -> set[int]:
    return set(row_ids.read(request.form.getlist("group_id")))


def _form_page(
    form: RecipientForm, recipient: Recipient | None, error: Invalid | None = None
) -> str | tuple[str, int]:
    """The form, with what was typed when it comes back."""
    if error and not isinstance(error, AlreadyThereError) and error.field != "attributes":
        forms.blame(form, error)
    typed = request.method == "POST"
    mine = groups.of(g.workspace, [recipient.id]).get(recipient.id, []) if recipient else []
    html = render_template(
        "recipients/form.html",
        form=form,
        recipient=recipient,
        pairs=_pairs() if typed else sorted((recipient.attributes if recipient else {}).items()),
        attribute_error=error.message if error and error.field == "attributes" else "",
        existing=error.recipient if isinstance(error, AlreadyThereError) else None,
        groups=groups.standing(g.workspace),
        checked=_group_ids() if typed else {group.id for group in mine},
    )
    return (html, 422) if typed else html


def _person_page(recipient: Recipient) -> str:
    came_with = [recipient.import_id] if recipient.import_id else []
    return render_template(
        "recipients/show.html",
        recipient=recipient,
        groups=groups.of(g.workspace, [recipient.id]).get(recipient.id, []),
        history=consent.history(g.workspace, recipient.email),
        received=recipients.received(g.workspace, recipient),
        suppression=suppressions.find(g.workspace, recipient.email),
        came_with=next(iter(imports.some(g.workspace, came_with)), None),
    )
