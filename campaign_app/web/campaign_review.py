"""The last look: who gets it, what blocks, how long it takes, how it reads; a test; a schedule."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from secrets import token_hex
from typing import Any

from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as BaseResponse
from wtforms import DateTimeLocalField, SelectField
from wtforms.validators import InputRequired

from campaign_app.extensions import db
from campaign_app.lib import clock, patience, zones
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.campaigns import Campaign
from campaign_app.models.recipients import Recipient
from campaign_app.models.senders import Sender
from campaign_app.sending.compose import Source
from campaign_app.sending.composition import source_of
from campaign_app.sending.trials import Outcome, campaign_mail, hand_over
from campaign_app.services import (
    audience,
    audience_choice,
    campaigns,
    estimate,
    readiness,
    recipients,
    schedule,
    senders,
)
from campaign_app.tasks.workshop import workshop
from campaign_app.web import forms, previews, trials
from campaign_app.web.campaign_form import CampaignForm

bp = Blueprint("campaign_review", __name__, url_prefix="/campaigns/<int:campaign_id>")

GLANCE_SECONDS = 1.5
"""How long the page waits for each thing about the audience; then it comes without."""
COUNT_SECONDS = 15.0
"""How long counting may take beside a page that is there already."""


class ScheduleForm(FlaskForm):
    """When, on the clocks of which zone."""

    scheduled_at = DateTimeLocalField(
        "Date and time",
        [InputRequired("Choose a date and a time.")],
        format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    time_zone = SelectField("Time zone", choices=zones.choices)

    @classmethod
    def of(cls, campaign: Campaign) -> ScheduleForm:
        """What stands now; for a draft tomorrow at nine, where the person lives."""
        if campaign.scheduled_at:
            zone = campaign.time_zone
            local = schedule.to_local(campaign.scheduled_at, zone)
        else:
            zone = g.user.time_zone
            tomorrow = schedule.to_local(clock.now() + timedelta(days=1), zone)
            local = tomorrow.replace(hour=9, minute=0, second=0, microsecond=0)
        return cls(data={"scheduled_at": local, "time_zone": zone})


def page(campaign: Campaign, **more: Any) -> str:  # noqa: ANN401  what the template shows besides
    """The page itself; `more` brings the outcome of a test or a form with its errors."""
    blockers = readiness.blockers(g.workspace, campaign, seconds=GLANCE_SECONDS)
    values = {
        "campaign": campaign,
        "all_senders": senders.every(g.workspace),
        **_audience(campaign, seconds=GLANCE_SECONDS),
        "blockers": blockers,
        "is_waiting": readiness.holds_up(campaign, blockers),
        "warnings": readiness.warnings(g.workspace, campaign),
        "outcome": None,
        "form": more.get("form") or ScheduleForm.of(campaign),
        **_look(campaign),
        **more,
    }
    return render_template("campaigns/review.html", **values)


@bp.get("/audience")
def audience_part(campaign_id: int) -> str:
    """Who gets it, counted to the end: the page shows it when it is there."""
    campaign = campaigns.get(g.workspace, campaign_id)
    values = _audience(campaign, seconds=COUNT_SECONDS)
    return render_template("campaigns/_audience.html", campaign=campaign, is_final=True, **values)


@bp.get("/preview")
def preview(campaign_id: int) -> str:
    """How it reads to the recipient `?recipient=…`: a part of the page, for htmx."""
    campaign = campaigns.get(g.workspace, campaign_id)
    return render_template("campaigns/_preview.html", campaign=campaign, **_look(campaign))


@bp.get("/preview.html")
def preview_html(campaign_id: int) -> Response:
    """The same HTML alone, for the sandboxed frame."""
    campaign = campaigns.get(g.workspace, campaign_id)
    return previews.framed(previews.look(_source(campaign), _reader(campaign)))


@bp.get("/people")
def people(campaign_id: int) -> str:
    """Some recipients whose address begins with `?q=…`, to choose one of."""
    campaign = campaigns.get(g.workspace, campaign_id)
    search = request.args.get("q", "")
    found = patience.within(COUNT_SECONDS, partial(audience.find, g.workspace, campaign, search))
    return render_template("campaigns/_people.html", campaign=campaign, people=found)


@bp.post("/count")
def count(campaign_id: int) -> str:
    """Who is ticked in the editor, with those chosen directly, in numbers."""
    campaign = campaigns.get(g.workspace, campaign_id)
    form = CampaignForm()
    form.offer()
    return form.count(campaign)


@bp.post("/test")
@trials.limited
def test(campaign_id: int) -> str:
    """Send the e-mail to one address, and show what the server literally said."""
    campaign = campaigns.get(g.workspace, campaign_id)
    outcome = trials.outcome(lambda to: _send_test(campaign, to=to))
    if "HX-Request" in request.headers:
        return render_template("senders/test_result.html", outcome=outcome)
    return page(campaigns.get(g.workspace, campaign_id), outcome=outcome)


@bp.post("/schedule")
def set_schedule(campaign_id: int) -> BaseResponse | tuple[str, int]:
    """Let it start by itself at a time, in a zone."""
    campaign = campaigns.get(g.workspace, campaign_id)
    form = ScheduleForm()
    if form.validate_on_submit():
        try:
            return _scheduled(campaign, form)
        except Invalid as error:
            db.session.rollback()
            forms.blame(form, error)
    return page(campaign, form=form), 422


def _scheduled(campaign: Campaign, form: ScheduleForm) -> BaseResponse:
    local, zone = form.scheduled_at.data, form.time_zone.data
    moment = campaigns.schedule(g.workspace, campaign, when=local, zone=zone, user=g.user)
    db.session.commit()
    if moment.note:
        flash(moment.note, "warning")
    shown = schedule.to_local(moment.at, moment.zone)
    flash(f"“{campaign.name}” starts at {shown:%H:%M on %-d %B %Y} ({moment.zone}).", "success")
    return redirect(url_for("campaigns.show", campaign_id=campaign.id))


def _audience(campaign: Campaign, *, seconds: float) -> dict[str, Any]:
    """Who is chosen and how many that are; no number when counting takes longer than that."""
    chosen, left_out = audience_choice.names(g.workspace, campaign)
    found = patience.within(seconds, partial(audience.preview, g.workspace, campaign))
    sender = _sender(campaign)
    takes = estimate.of(found.total, sender, tpm=campaign.tpm) if found and sender else None
    return {
        "audience": found,
        "chosen": chosen,
        "left_out": left_out,
        "estimate": takes,
        "sender": sender,
    }


def _look(campaign: Campaign) -> dict[str, Any]:
    reader = _reader(campaign)
    look = previews.look(_source(campaign), reader)
    return {"reader": reader, "look": look, "sender": _sender(campaign)}


def _reader(campaign: Campaign) -> Recipient | None:
    """The chosen recipient, else somebody of the audience, else nobody."""
    chosen = request.args.get("recipient", type=int)
    if chosen is not None:
        return recipients.get(g.workspace, chosen)
    ask = partial(audience.find, g.workspace, campaign, "", limit=1)
    return next(iter(patience.within(GLANCE_SECONDS, ask) or ()), None)


def _sender(campaign: Campaign) -> Sender | None:
    return senders.get(g.workspace, campaign.sender_id) if campaign.sender_id else None


def _source(campaign: Campaign) -> Source:
    """The campaign as its sender writes it, or its author while there is none."""
    author = Sender(from_name=g.user.name, from_email=g.user.email, reply_to="", mark_subject=False)
    return source_of(campaign, _sender(campaign) or author)


def _send_test(campaign: Campaign, *, to: str) -> Outcome:
    sender = _sender(campaign)
    if sender is None:
        raise Conflict("Choose a sender first: the test goes out through it.")
    recipient = request.form.get("recipient", type=int)
    reader = recipients.get(g.workspace, recipient) if recipient else None
    addressee = previews.addressee(reader, email=to, key=token_hex(6))
    tools = workshop()
    data = campaign_mail(tools, source_of(campaign, sender), addressee)
    return hand_over(tools, sender, data, to=to)
