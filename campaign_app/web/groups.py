"""Named sets of recipients: making, filling, renaming, forgetting them."""

from __future__ import annotations

from flask import (
    Blueprint,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired

from campaign_app.extensions import db
from campaign_app.lib import row_ids
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.words import fold
from campaign_app.models.recipients import Group
from campaign_app.services import group_endings, group_merging, groups, pasting
from campaign_app.services.pasting import Pasted
from campaign_app.web import forms, recipient_bulk, recipient_list

bp = Blueprint("groups", __name__, url_prefix="/groups")


class GroupForm(FlaskForm):
    """What the group is called."""

    name = StringField("Name", [DataRequired("Give the group a name.")])


class PasteForm(FlaskForm):
    """Addresses, one to a line."""

    addresses = TextAreaField("Addresses", [DataRequired("Paste at least one address.")])


@bp.route("/", methods=["GET", "POST"])
def index() -> Response:
    """Every group with its size, and a form for one more."""
    form = GroupForm()
    if form.validate_on_submit():
        try:
            group = groups.create(g.workspace, name=form.name.data or "", user=g.user)
            db.session.commit()
            flash(f"“{group.name}” is ready to be filled.", "success")
            return redirect(url_for("groups.show", group_id=group.id))
        except Invalid as error:
            db.session.rollback()
            forms.blame(form, error)
    return _index_page(form)


@bp.post("/merge")
def merge() -> Response:
    """Let several groups become one."""
    ids = row_ids.read(request.form.getlist("id"))
    try:
        into = _target()
        recipient_bulk.begin(*group_merging.merge(g.workspace, ids, into=into, user=g.user))
        return redirect(url_for("groups.show", group_id=into.id))
    except (Invalid, Conflict) as error:
        db.session.rollback()
        flash(error.message, "danger")
    return redirect(url_for("groups.index"))


@bp.get("/<int:group_id>")
def show(group_id: int) -> Response:
    """A group's recipients."""
    return _group_page(groups.get(g.workspace, group_id), GroupForm())


@bp.post("/<int:group_id>/rename")
def rename(group_id: int) -> Response:
    """Give a group another name."""
    group, form = groups.get(g.workspace, group_id), GroupForm()
    if form.validate_on_submit():
        try:
            groups.rename(g.workspace, group, name=form.name.data or "", user=g.user)
            db.session.commit()
            flash(f"The group is called “{group.name}” now.", "success")
            return redirect(url_for("groups.show", group_id=group_id))
        except Invalid as error:
            db.session.rollback()
            forms.blame(form, error)
    answer = _group_page(groups.get(g.workspace, group_id), form)
    answer.status_code = 422
    return answer


@bp.post("/<int:group_id>/copy")
def copy(group_id: int) -> Response:
    """Make another group with the same members."""
    group = groups.get(g.workspace, group_id)
    try:
        name = request.form.get("name", "")
        made, bulk, short = group_merging.copy(g.workspace, group, name=name, user=g.user)
        recipient_bulk.begin(bulk, short)
        return redirect(url_for("groups.show", group_id=made.id))
    except Invalid as error:
        db.session.rollback()
        flash(error.message, "danger")
    return redirect(url_for("groups.show", group_id=group_id))


@bp.post("/<int:group_id>/delete")
def delete(group_id: int) -> Response:
    """Forget a group; its recipients stay."""
    group = groups.get(g.workspace, group_id)
    name = group.name
    try:
        groups.delete_one(g.workspace, group, user=g.user)
        db.session.commit()
    except Conflict as error:
        db.session.rollback()
        flash(error.message, "warning")
        return redirect(url_for("groups.show", group_id=group_id))
    flash(f"The group “{name}” is deleted. Its recipients are still on your list.", "success")
    return redirect(url_for("groups.index"))


@bp.route("/<int:group_id>/add", methods=["GET", "POST"])
def add(group_id: int) -> Response | str | tuple[str, int]:
    """Add people by pasting their addresses."""
    group, form = groups.get(g.workspace, group_id), PasteForm()
    if not form.validate_on_submit():
        html = render_template("groups/add.html", group=group, form=form, pasted=None)
        return (html, 422) if form.errors else html
    try:
        text = form.addresses.data or ""
        pasted = pasting.paste(g.workspace, group, text=text, user=g.user)
        db.session.commit()
    except Invalid as error:
        db.session.rollback()
        forms.blame(form, error)
        group = groups.get(g.workspace, group_id)
        return render_template("groups/add.html", group=group, form=form, pasted=None), 422
    return _after_paste(group, form, pasted)


@bp.route("/<int:group_id>/remove", methods=["GET", "POST"])
def remove(group_id: int) -> Response | str | tuple[str, int]:
    """Remove people by pasting their addresses."""
    group, form = groups.get(g.workspace, group_id), PasteForm()
    out = None
    if form.validate_on_submit():
        try:
            text = form.addresses.data or ""
            out = pasting.take_out(g.workspace, group, text=text, user=g.user)
            db.session.commit()
            if not (out.absent or out.problems):
                flash(f"{out.left:,} removed from the group.", "success")
                return redirect(url_for("groups.show", group_id=group_id))
        except Invalid as error:
            db.session.rollback()
            forms.blame(form, error)
            group = groups.get(g.workspace, group_id)
    html = render_template("groups/remove.html", group=group, form=form, out=out)
    return (html, 422) if form.errors else html


def _index_page(form: GroupForm) -> Response:
    every = groups.standing(g.workspace)
    search = " ".join(request.args.get("q", "").split())[: groups.MAX_NAME]
    shown = [group for group in every if fold(search) in fold(group.name)]
    part = "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers
    html = render_template(
        "groups/list.html" if part else "groups/index.html",
        form=form,
        groups=shown,
        everything=every,
        total=len(every),
        search=search,
        sizes=groups.sizes(g.workspace, [group.id for group in every]),
        drafts=group_endings.drafts_using(g.workspace, [group.id for group in shown]),
        at_work=recipient_bulk.at_work(),
    )
    answer = make_response(html, 422 if form.errors else 200)
    answer.vary.add("HX-Request")
    return answer


def _target() -> Group:
    """The group to merge into, made first when a new one is named. Raises Invalid without one."""
    new_name = request.form.get("new_group", "")
    if new_name.strip():
        return groups.create(g.workspace, name=new_name, user=g.user)
    chosen = row_ids.read(request.form.getlist("target_group"))
    if not chosen:
        raise Invalid("Choose a group to merge into.")
    return groups.get(g.workspace, chosen[0])


def _after_paste(group: Group, form: PasteForm, pasted: Pasted) -> Response | str:
    """Back to the group when all went well; else again the box, with only the wrong lines in it."""
    if not pasted.problems:
        flash(_summary(pasted), "success")
        return redirect(url_for("groups.show", group_id=group.id))
    form.addresses.data = "\n".join(problem.text for problem in pasted.problems)
    return render_template(
        "groups/add.html", group=group, form=form, pasted=pasted, summary=_summary(pasted)
    )


def _summary(pasted: Pasted) -> str:
    parts = [f"{pasted.joined:,} added to the group"]
    if pasted.new:
        parts.append(f"{pasted.new:,} of them new on your list")
    if pasted.already:
        parts.append(f"{pasted.already:,} in it already")
    if pasted.refused:
        parts.append(f"{pasted.refused:,} had left it of their own will, and stay out of it")
    if pasted.suppressed:
        parts.append(f"{pasted.suppressed:,} on the suppression list, and not mailed")
    return ", ".join(parts) + "."


def _group_page(group: Group, form: GroupForm) -> Response:
    chosen = recipient_list.read_filter(request.args.to_dict(), group_id=group.id)
    return recipient_list.show(
        "groups/show.html",
        chosen,
        part_only=request.method == "GET",
        group=group,
        form=form,
        at_work=recipient_bulk.at_work(),
        waiting=groups.waiting_campaigns(g.workspace, group),
    )
