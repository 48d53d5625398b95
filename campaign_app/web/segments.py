"""Segments: the list, the form that builds one and counts while it is written."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.recipients import RecipientStatus
from campaign_app.models.segments import Segment
from campaign_app.services import segment_shapes, segment_words, segments, tallies
from campaign_app.web.segment_form import SegmentForm, offers

bp = Blueprint("segments", __name__, url_prefix="/segments")


@bp.get("/")
def index() -> str:
    """All of them, in words; each row asks for its own count."""
    found = segments.every(g.workspace)
    words = segments.sentences(g.workspace, found)
    return render_template("segments/index.html", segments=found, sentences=words)


@bp.route("/new", methods=["GET", "POST"])
def new() -> Response | str | tuple[str, int]:
    """Write a new one."""
    if request.method == "GET":
        form = SegmentForm(zone=g.user.time_zone)
        form.change("add")
        return _page(form, None)
    form = SegmentForm.sent(request.form, g.user.time_zone)
    if asked := request.form.get("do"):  # without scripts a row is added here
        form.change(asked)
        return _page(form, None)
    try:
        segment = segments.create(g.workspace, name=form.name, rules=form.values(), user=g.user)
        db.session.commit()
    except Invalid as error:
        return _refused(form, error, None)
    flash(f"The segment “{segment.name}” is saved.", "success")
    return redirect(url_for("segments.index"))


@bp.route("/<int:segment_id>", methods=["GET", "POST"])
def edit(segment_id: int) -> Response | str | tuple[str, int]:
    """Look at one, and rewrite it."""
    segment = segments.get(g.workspace, segment_id)
    if request.method == "GET":
        rules = segment_shapes.stored(segment.rules)
        return _page(SegmentForm.of(segment.name, rules), segment)
    form = SegmentForm.sent(request.form, g.user.time_zone)
    if asked := request.form.get("do"):
        form.change(asked)
        return _page(form, segment)
    try:
        segments.edit(g.workspace, segment, name=form.name, rules=form.values(), user=g.user)
        db.session.commit()
    except Invalid as error:
        return _refused(form, error, segment_id)
    flash(f"The segment “{form.name}” is saved.", "success")
    return redirect(url_for("segments.index"))


@bp.post("/rules")
def rules() -> str:
    """The rows again, with one more or one less, or with what fits another field."""
    form = SegmentForm.sent(request.form, g.user.time_zone)
    form.change(request.form.get("do", ""))
    return render_template("segments/_rules.html", form=form, **offers(form))


@bp.post("/count")
def count_written() -> str:
    """How many fulfil the rules as they are written, and the rules in words."""
    form = SegmentForm.sent(request.form, g.user.time_zone)
    try:
        checked = segment_shapes.checked(form.values())
    except Invalid:
        return render_template("segments/_count.html", is_unfinished=True)
    words = segment_words.sentence(g.workspace, checked)
    return _counted(checked, sentence=words)


@bp.get("/<int:segment_id>/count")
def count(segment_id: int) -> str:
    """How many belong to it as of now: a cell of the list."""
    segment = segments.get(g.workspace, segment_id)
    return _counted(segment_shapes.stored(segment.rules), is_cell=True)


@bp.post("/<int:segment_id>/copy")
def copy(segment_id: int) -> Response:
    """Another one with the same rules."""
    segment = segments.get(g.workspace, segment_id)
    made = segments.copy(g.workspace, segment, user=g.user)
    db.session.commit()
    flash(f"“{made.name}” has the same rules. Change what should be different.", "success")
    return redirect(url_for("segments.edit", segment_id=made.id))


@bp.post("/<int:segment_id>/delete")
def delete(segment_id: int) -> Response:
    """Forget it, unless a campaign is still to use it."""
    segment = segments.get(g.workspace, segment_id)
    name = segment.name
    try:
        segments.delete_one(g.workspace, segment, user=g.user)
        db.session.commit()
    except Conflict as error:
        db.session.rollback()
        flash(error.message, "warning")
        return redirect(url_for("segments.edit", segment_id=segment_id))
    flash(f"The segment “{name}” is deleted. Its people are still on your list.", "success")
    return redirect(url_for("segments.index"))


def _counted(rules: segment_shapes.Rules, **more: object) -> str:
    number = segments.count(g.workspace, rules)
    statuses = tallies.by_status(g.workspace)
    everybody = sum(statuses.get(status, 0) for status in RecipientStatus)
    return render_template("segments/_count.html", number=number, everybody=everybody, **more)


def _refused(form: SegmentForm, error: Invalid, segment_id: int | None) -> tuple[str, int]:
    db.session.rollback()
    form.blame(error)
    segment = segments.get(g.workspace, segment_id) if segment_id else None
    return _page(form, segment), 422


def _page(form: SegmentForm, segment: Segment | None) -> str:
    return render_template(
        "segments/edit.html",
        form=form,
        segment=segment,
        sentence=segments.sentences(g.workspace, [segment])[segment.id] if segment else "",
        users=segments.waiting_campaigns(g.workspace, segment) if segment else (),
        max_name=segments.MAX_NAME,
        **offers(form),
    )
