"""The workspace's SMTP accounts: their pages, and a test of each."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.senders import Sender
from campaign_app.sending.trials import Outcome, hand_over
from campaign_app.services import sender_details, sender_test_mail, senders
from campaign_app.tasks import dispatch
from campaign_app.tasks.workshop import workshop
from campaign_app.web import forms, trials
from campaign_app.web.sender_form import SenderForm, presets_on_offer

bp = Blueprint("senders", __name__, url_prefix="/senders")


@bp.get("/")
def index() -> str:
    """Every sender with its state and pace."""
    return render_template(
        "senders/index.html",
        senders=senders.every(g.workspace),
        campaigns=senders.campaign_counts(g.workspace),
    )


@bp.route("/new", methods=["GET", "POST"])
def new() -> Response | str | tuple[str, int]:
    """Add a sender."""
    form = SenderForm()
    if form.validate_on_submit():
        try:
            return _create(form)
        except Invalid as error:
            forms.blame(form, error)
    return _form_page(form, None)


@bp.get("/<int:sender_id>")
def show(sender_id: int) -> str:
    """One sender: its state, what it has sent, and a test."""
    return _sender_page(senders.get(g.workspace, sender_id))


@bp.route("/<int:sender_id>/edit", methods=["GET", "POST"])
def edit(sender_id: int) -> Response | str | tuple[str, int]:
    """Change a sender; the stored password is never shown."""
    sender = senders.get(g.workspace, sender_id)
    form = SenderForm(obj=sender)
    if form.validate_on_submit():
        try:
            return _update(sender, form)
        except Invalid as error:
            forms.blame(form, error)
    return _form_page(form, sender)


@bp.post("/<int:sender_id>/delete")
def delete(sender_id: int) -> Response | tuple[str, int]:
    """Delete a sender that nothing live uses; else say on its page why not."""
    sender = senders.get(g.workspace, sender_id)
    name = sender.name
    try:
        senders.delete(g.workspace, sender, user=g.user)
    except Conflict as error:
        db.session.rollback()
        flash(error.message, "danger")
        return _sender_page(sender), error.status
    db.session.commit()
    flash(f"“{name}” is deleted.", "success")
    return redirect(url_for("senders.index"))


@bp.post("/<int:sender_id>/resume")
def resume(sender_id: int) -> Response:
    """Let a cooling or stopped sender try again."""
    sender = senders.get(g.workspace, sender_id)
    senders.resume(g.workspace, sender, user=g.user)
    db.session.commit()
    dispatch.ring()
    flash(f"“{sender.name}” is active again.", "success")
    return redirect(url_for("senders.show", sender_id=sender_id))


@bp.post("/<int:sender_id>/full-pace")
def lift_brake(sender_id: int) -> Response:
    """Let a sender that slowed down by itself go at its full pace."""
    sender = senders.get(g.workspace, sender_id)
    senders.lift_brake(g.workspace, sender, user=g.user)
    db.session.commit()
    dispatch.ring()
    flash(f"“{sender.name}” goes at its full pace again.", "success")
    return redirect(url_for("senders.show", sender_id=sender_id))


@bp.post("/<int:sender_id>/test")
@trials.limited
def test(sender_id: int) -> str:
    """Send one e-mail and show what the server literally said."""
    sender = senders.get(g.workspace, sender_id)
    outcome = trials.outcome(
        lambda to: hand_over(workshop(), sender, sender_test_mail.compose(sender, to=to), to=to)
    )
    if "HX-Request" in request.headers:
        return render_template("senders/test_result.html", outcome=outcome)
    return _sender_page(senders.get(g.workspace, sender_id), outcome=outcome)


def _allow_private() -> bool:
    return bool(current_app.extensions["carillon_config"].allow_private_hosts)


def _create(form: SenderForm) -> Response:
    details = form.details()
    db.session.commit()  # no transaction stays open while the DNS thinks
    sender_details.check_host(details, allow_private=_allow_private())
    sender = senders.create(
        g.workspace,
        details,
        user=g.user,
        vault=current_app.extensions["vault"],
        allow_private=_allow_private(),
    )
    db.session.commit()
    flash(f"“{sender.name}” is ready. Send a test to see whether it works.", "success")
    return redirect(url_for("senders.show", sender_id=sender.id))


def _update(sender: Sender, form: SenderForm) -> Response:
    details = form.details()
    db.session.commit()  # as above
    sender_details.check_host(details, allow_private=_allow_private())
    senders.update(
        g.workspace,
        sender,
        details,
        user=g.user,
        vault=current_app.extensions["vault"],
        allow_private=_allow_private(),
    )
    db.session.commit()
    dispatch.ring()
    flash("Saved.", "success")
    return redirect(url_for("senders.show", sender_id=sender.id))


def _form_page(form: SenderForm, sender: Sender | None) -> str | tuple[str, int]:
    offered = presets_on_offer()
    page = render_template(
        "senders/form.html",
        form=form,
        sender=sender,
        presets={preset.key: asdict(preset) for preset in offered},
    )
    return (page, 422) if form.is_submitted() else page


def _sender_page(sender: Sender, *, outcome: Outcome | None = None) -> str:
    return render_template(
        "senders/show.html",
        sender=sender,
        usage=senders.usage(sender),
        sent_lately=senders.sent_lately(g.workspace, sender),
        campaigns=senders.campaigns_using(g.workspace, sender),
        outcome=outcome,
    )
