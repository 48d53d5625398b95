"""A campaign's life: written, scheduled or started, paused, resumed, cancelled, tried again.

Every change of status wins the row first; who does not win is told what the campaign is now.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy import delete as sql_delete

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.campaigns import EDITABLE, LIVE, Campaign, CampaignStatus
from campaign_app.models.people import User, Workspace
from campaign_app.models.senders import Sender
from campaign_app.services import (
    audience,
    audience_choice,
    audit,
    contents,
    group_endings,
    pace,
    readiness,
    retry,
    transitions,
)
from campaign_app.services import schedule as wall_clock
from campaign_app.services.audience_choice import Choice
from campaign_app.services.contents import Content
from campaign_app.services.readiness import Finding
from campaign_app.services.schedule import Moment

MAX_NAME = 120
DUE_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person writes. `tpm` is messages per minute; None leaves the pace to the sender."""

    name: str
    content: Content = field(default_factory=Content)
    sender_id: int | None = None
    choice: Choice = field(default_factory=Choice)
    one_per_mailbox: bool = True
    tpm: int | None = None


def get(workspace: HasId, campaign_id: int) -> Campaign:
    """The workspace's own campaign. Raises NotFound."""
    return get_owned(workspace, Campaign, campaign_id)


def create(workspace: HasId, draft: Draft, *, user: User) -> Campaign:
    """A new draft. Raises Invalid, naming the field, as `edit` does."""
    values = _checked(workspace, draft)
    campaign = Campaign(workspace_id=workspace.id, time_zone=user.time_zone, **values)
    db.session.add(campaign)
    db.session.flush()
    audience_choice.save(workspace, campaign, draft.choice)
    _record(workspace, campaign, "created", user)
    return campaign


def edit(workspace: HasId, campaign: Campaign, draft: Draft) -> None:
    """Rewrite a draft or a scheduled campaign. Raises Invalid, naming the field, or Conflict."""
    values = _checked(workspace, draft)
    transitions.win(workspace, campaign, EDITABLE, "edited", pause_reason="", **values)
    audience_choice.save(workspace, campaign, draft.choice)


def duplicate(workspace: HasId, campaign: Campaign, *, user: User) -> Campaign:
    """A new draft with the same content, sender, rate and audience."""
    copy = Campaign(
        workspace_id=workspace.id,
        name=f"{campaign.name[: MAX_NAME - 7]} (copy)",
        subject=campaign.subject,
        html=campaign.html,
        text=campaign.text,
        sender_id=campaign.sender_id,
        time_zone=campaign.time_zone,
        one_per_mailbox=campaign.one_per_mailbox,
        tpm=campaign.tpm,
    )
    db.session.add(copy)
    db.session.flush()
    audience.copy_to(workspace, campaign, copy)
    _record(workspace, copy, "created", user)
    return copy


def delete(workspace: HasId, campaign: Campaign, *, user: User) -> None:
    """Delete a campaign that is not under way. Raises Conflict.

    Its messages' rows stay: whoever was mailed must still be able to unsubscribe.
    """
    own = campaign.own_group_id
    winding_up = and_(Campaign.status == CampaignStatus.CANCELLED, Campaign.final_counts.is_(None))
    gone = db.session.scalar(
        sql_delete(Campaign)
        .where(Campaign.workspace_id == workspace.id, Campaign.id == campaign.id)
        .where(Campaign.status.not_in(LIVE), ~winding_up)
        .returning(Campaign.id)
    )
    if gone is None:
        raise transitions.refusal(campaign, "deleted")
    if own:
        group_endings.discard(workspace, own)
    _record(workspace, campaign, "deleted", user)


def schedule(
    workspace: HasId, campaign: Campaign, *, when: datetime, zone: str, user: User
) -> Moment:
    """Start it by itself at a wall-clock time of `zone`, or, if `when` is aware, at that moment.

    The moment's note is for the user.

    Raises Invalid for a time that cannot be, Conflict for what blocks. Recipients that are still
    on their way do not: it waits for them, also when its time has come.
    """
    transitions.lock(campaign, "scheduled")
    moment = wall_clock.resolve(when, zone)
    found = readiness.blockers(workspace, campaign)
    lasting = [one for one in found if one.place not in readiness.AWAITED]
    _refuse(campaign, lasting, "scheduled")
    values = {"scheduled_at": moment.at, "time_zone": moment.zone, "pause_reason": ""}
    transitions.win(
        workspace, campaign, EDITABLE, "scheduled", status=CampaignStatus.SCHEDULED, **values
    )
    local = wall_clock.to_local(moment.at, moment.zone)
    more = f" for {local:%H:%M on %-d %B %Y} ({moment.zone})"
    _record(workspace, campaign, "scheduled", user, more)
    return moment


def unschedule(workspace: HasId, campaign: Campaign, *, user: User) -> None:
    """Make it a draft again. Raises Conflict unless it is scheduled."""
    start = (CampaignStatus.SCHEDULED,)
    transitions.win(
        workspace,
        campaign,
        start,
        "taken off the schedule",
        status=CampaignStatus.DRAFT,
        scheduled_at=None,
    )
    _record(workspace, campaign, "unscheduled", user)


def launch(workspace: HasId, campaign: Campaign, *, user: User | None) -> None:
    """Start sending; the dispatcher plans it. Raises Conflict with every reason why it cannot.

    `user` None means that its time had come.
    """
    transitions.lock(campaign, "started")
    _refuse(campaign, readiness.blockers(workspace, campaign), "started")
    transitions.win(
        workspace,
        campaign,
        EDITABLE,
        "started",
        status=CampaignStatus.SENDING,
        started_at=clock.now(),
        pause_reason="",
    )
    _record(workspace, campaign, "started", user, "" if user else ", as scheduled")


def start_due(now: datetime) -> list[int]:
    """Start every scheduled campaign whose time and recipients have come; gives their ids.

    One that cannot start becomes a draft again, with the reason in `pause_reason` and in the log.
    """
    due = db.session.scalars(
        select(Campaign)
        .where(Campaign.status == CampaignStatus.SCHEDULED, Campaign.scheduled_at <= now)
        .where(~readiness.is_awaited())
        .order_by(Campaign.scheduled_at)
        .limit(DUE_AT_ONCE)
        .with_for_update(skip_locked=True)
        # The clock serves every workspace.
        .execution_options(all_workspaces=True, populate_existing=True)
    ).all()
    return [campaign.id for campaign in due if _start_or_return(campaign)]


def pause(workspace: HasId, campaign: Campaign, *, user: User) -> None:
    """Stop after the open windows. Raises Conflict unless it is being sent."""
    values = {"pause_reason": f"Paused by {user.name}", "paused_by": "user"}
    start = (CampaignStatus.SENDING,)
    transitions.win(workspace, campaign, start, "paused", status=CampaignStatus.PAUSED, **values)
    _record(workspace, campaign, "paused", user)


def resume(workspace: HasId, campaign: Campaign, *, user: User) -> None:
    """Go on where it stopped. Raises Conflict unless it is paused."""
    values = {"pause_reason": "", "paused_by": "", "progress": []}
    start = (CampaignStatus.PAUSED,)
    transitions.win(workspace, campaign, start, "resumed", status=CampaignStatus.SENDING, **values)
    _record(workspace, campaign, "resumed", user)


def cancel(workspace: HasId, campaign: Campaign, *, user: User) -> None:
    """End it for good; what is not sent yet stays unsent. Raises Conflict unless under way."""
    values = {"pause_reason": "", "paused_by": ""}
    transitions.win(
        workspace, campaign, LIVE, "cancelled", status=CampaignStatus.CANCELLED, **values
    )
    _record(workspace, campaign, "cancelled", user)


def retry_failed(workspace: HasId, campaign: Campaign, *, user: User) -> int:
    """Try the failed messages again; gives how many. Reopens a completed campaign.

    Very many are made ready in the background: `campaign.retry_through` is set meanwhile. Raises
    Conflict when nothing failed, or everything at addresses that are suppressed by now.
    """
    number = retry.retry_failed(workspace, campaign)
    messages = "message" if number == 1 else "messages"
    _record(workspace, campaign, "retried", user, f": {number:,} failed {messages}")
    return number


def _checked(workspace: HasId, draft: Draft) -> dict[str, Any]:
    """The columns of a draft. Raises Invalid, naming the field."""
    name = " ".join(draft.name.split())
    if not 0 < len(name) <= MAX_NAME:
        raise Invalid(f"Give it a name of up to {MAX_NAME} characters.", field="name")
    pace.check_rate(draft.tpm)
    if draft.sender_id is not None:
        own = owned_by(workspace, Sender).where(Sender.id == draft.sender_id)
        if db.session.scalars(own).one_or_none() is None:
            raise Invalid(
                "There is no such sender in this workspace. Choose another.", field="sender_id"
            )
    content = contents.checked(draft.content)
    return {
        "name": name,
        "subject": content.subject,
        "html": content.html,
        "text": content.text,
        "sender_id": draft.sender_id,
        "one_per_mailbox": draft.one_per_mailbox,
        "tpm": draft.tpm,
    }


def _refuse(campaign: Campaign, found: Collection[Finding], verb: str) -> None:
    if found:
        reasons = " ".join(one.message for one in found)
        raise Conflict(f"“{campaign.name}” cannot be {verb} yet. {reasons}")


def _start_or_return(campaign: Campaign) -> bool:
    workspace = db.session.get_one(Workspace, campaign.workspace_id)
    try:
        launch(workspace, campaign, user=None)
    except Conflict as refusal:
        values = {"status": CampaignStatus.DRAFT, "scheduled_at": None}
        start, reason = (CampaignStatus.SCHEDULED,), refusal.message
        transitions.win(workspace, campaign, start, "stopped", pause_reason=reason, **values)
        audit.record(
            workspace,
            "campaign.blocked",
            f"The time had come, but {reason}",
            subject_id=campaign.id,
        )
        return False
    return True


def _record(
    workspace: HasId, campaign: Campaign, verb: str, user: User | None, more: str = ""
) -> None:
    who = user.name if user else "Carillon"
    summary = f"{who} {_SAID.get(verb, verb)} “{campaign.name}”{more}"
    audit.record(workspace, f"campaign.{verb}", summary, user=user, subject_id=campaign.id)


_SAID = {"unscheduled": "took off the schedule", "retried": "tried again"}
