"""Campaigns: the list, the editor, and the page on which one is looked over and sent."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid
from campaign_app.models.campaigns import EDITABLE, LIVE, Campaign, CampaignStatus
from campaign_app.services import (
    audience_direct,
    campaign_pages,
    campaigns,
    groups,
    merge_fields,
    senders,
    templates,
)
from campaign_app.services.campaign_pages import Moving
from campaign_app.web import campaign_review, forms, live_answer, moments
from campaign_app.web.campaign_form import SHOWN, CampaignForm, of_campaign

bp = Blueprint("campaigns", __name__, url_prefix="/campaigns")


@bp.get("/")
def index() -> str:
    """The list, by status and by name."""
    status = request.args.get("status", type=CampaignStatus)
    search = request.args.get("q", "").strip()
    number = request.args.get("page", 1, type=int)
    page = campaign_pages.page(g.workspace, status=status, search=search, number=number)
    return render_template(
        "campaigns/index.html",
        page=page,
        status=status,
        search=search,
        numbers=campaign_pages.by_status(g.workspace),
        moving=[row.campaign.id for row in page.items if row.campaign.status in LIVE],
    )


@bp.get("/live.json")
def live() -> Response:
    """How far the campaigns `?id=…` are, for the list."""
    ids = request.args.getlist("id", type=int)[:100]
    return live_answer.shared(
        lambda: {
            f"c{one.campaign.id}": _progress(one, why)
            for one, why in campaign_pages.live(g.workspace, ids)
        }
    )


@bp.route("/new", methods=["GET", "POST"])
def new() -> Response | str | tuple[str, int]:
    """Write a campaign: from nothing or the template `?template=…`, for the group `?group=…`."""
    form = CampaignForm(data=_proposal() if request.method == "GET" else None)
    form.offer()
    if form.validate_on_submit():
        try:
            campaign = campaigns.create(g.workspace, form.draft(), user=g.user)
            return _saved(form, campaign)
        except Invalid as error:
            db.session.rollback()
            forms.blame(form, error)
    return _editor(form, None)


@bp.post("/count")
def count() -> str:
    """Who is ticked for a campaign that is not saved yet, in numbers."""
    form = CampaignForm()
    form.offer()
    return form.count(None)


@bp.get("/<int:campaign_id>")
def show(campaign_id: int) -> Response | str:
    """A draft is looked over here; a started campaign has its figures."""
    campaign = campaigns.get(g.workspace, campaign_id)
    if campaign.status not in EDITABLE:
        return redirect(url_for("analytics.page", campaign_id=campaign_id))
    return campaign_review.page(campaign)


@bp.route("/<int:campaign_id>/edit", methods=["GET", "POST"])
def edit(campaign_id: int) -> Response | str | tuple[str, int]:
    """Rewrite a draft or a scheduled campaign."""
    campaign = campaigns.get(g.workspace, campaign_id)
    if request.method == "GET" and campaign.status not in EDITABLE:
        flash("A campaign that has started cannot be edited. Duplicate it instead.", "warning")
        return redirect(url_for("campaigns.show", campaign_id=campaign_id))
    form = CampaignForm(obj=campaign, data=of_campaign(campaign))
    form.offer()
    if form.validate_on_submit():
        try:
            campaigns.edit(g.workspace, campaign, form.draft())
            return _saved(form, campaign)
        except Invalid as error:
            db.session.rollback()
            forms.blame(form, error)
    return _editor(form, campaign)


@bp.post("/<int:campaign_id>/duplicate")
def duplicate(campaign_id: int) -> Response:
    """A new draft like this one."""
    campaign = campaigns.get(g.workspace, campaign_id)
    copy = campaigns.duplicate(g.workspace, campaign, user=g.user)
    db.session.commit()
    flash(f"“{copy.name}” is a draft now. Change what should be different.", "success")
    return redirect(url_for("campaigns.edit", campaign_id=copy.id))


@bp.post("/<int:campaign_id>/delete")
def delete(campaign_id: int) -> Response:
    """Delete a campaign that is not under way."""
    campaign = campaigns.get(g.workspace, campaign_id)
    name = campaign.name
    campaigns.delete(g.workspace, campaign, user=g.user)
    db.session.commit()
    flash(f"“{name}” is deleted.", "success")
    return redirect(url_for("campaigns.index"))


def _progress(one: Moving, waiting: str) -> dict[str, object]:
    return {
        "status": one.campaign.status,
        "percent": one.percent_done,
        "done": one.counts.done,
        "total": one.counts.total,
        "waiting": moments.localised(waiting),
    }


def _proposal() -> dict[str, object]:
    groups_asked = {"group_ids": request.args.getlist("group", type=int)}
    return {**_from_template(), **groups_asked}


def _from_template() -> dict[str, str]:
    template_id = request.args.get("template", type=int)
    if template_id is None:
        return {}
    template = templates.get(g.workspace, template_id)
    return {
        "name": template.name,
        "subject": template.subject,
        "html": template.html,
        "text": template.text,
    }


def _saved(form: CampaignForm, campaign: Campaign) -> Response:
    form.save_direct(campaign)
    db.session.commit()
    flash("Saved.", "success")
    stays = request.form.get("then") == "stay"
    target = "campaigns.edit" if stays else "campaigns.show"
    return redirect(url_for(target, campaign_id=campaign.id))


def _editor(form: CampaignForm, campaign: Campaign | None) -> str | tuple[str, int]:
    page = render_template(
        "campaigns/edit.html",
        form=form,
        campaign=campaign,
        sizes=groups.sizes(g.workspace),
        merge_fields=merge_fields.offered(g.workspace),
        direct=audience_direct.count(g.workspace, campaign) if campaign else 0,
        shown=SHOWN,
        has_senders=bool(senders.every(g.workspace)),
    )
    return (page, 422) if form.is_submitted() else page
