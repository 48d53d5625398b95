"""What keeps a campaign from starting, and what its author should know before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from sqlalchemy import ColumnElement, exists, func, or_, select

from campaign_app.extensions import db
from campaign_app.lib import clock, patience
from campaign_app.lib.errors import Conflict, NotFound
from campaign_app.lib.tenancy import HasId, get_owned
from campaign_app.models.campaigns import Campaign, CampaignGroup
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.recipients import WaitingAddresses
from campaign_app.models.senders import Sender, SenderState
from campaign_app.services import (
    audience,
    audience_choice,
    contents,
    group_filling,
    merge_fields,
    segments,
)
from campaign_app.services.contents import Content


class Place(StrEnum):
    """Where a finding is mended."""

    CONTENT = "content"
    AUDIENCE = "audience"
    SENDER = "sender"
    SENDERS = "senders"
    SEGMENTS = "segments"
    IMPORTS = "imports"
    FILLING = "filling"
    """Nothing to mend but to wait."""


AWAITED = (Place.IMPORTS, Place.FILLING)
"""What ends by itself: the recipients are in then."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence for the author, and where it is mended."""

    message: str
    place: Place


_FIELDS = {"subject": "subject", "html": "e-mail", "text": "text part"}
_UNDER_WAY = (ImportState.WAITING, ImportState.RUNNING)


def blockers(
    workspace: HasId, campaign: Campaign, *, seconds: float | None = None
) -> list[Finding]:
    """Everything that must be mended first; empty when the campaign can start.

    Where `seconds` are too few to find anybody who would get it, there is taken to be somebody.
    """
    found = [*_content(campaign), *_sender(workspace, campaign), *_segments(workspace, campaign)]
    own = [campaign.own_group_id] if campaign.own_group_id else []
    importing = _importing(workspace, own)
    if importing:
        message = f"“{importing}” is still being imported for this campaign."
        found.append(Finding(message, Place.IMPORTS))
    elif _is_filling(workspace, campaign):
        message = "Its recipients are still being added: try again in a moment."
        found.append(Finding(message, Place.FILLING))
    elif _is_empty(workspace, campaign, seconds):
        found.append(Finding(_nobody(workspace, campaign), Place.AUDIENCE))
    return found


def awaited(workspace: HasId, campaign: Campaign) -> str:
    """Who is on their way into the campaign, in a few words; else empty."""
    if importing := _importing(workspace, [campaign.own_group_id or 0]):
        return f"“{importing}” is still being imported"
    return "its recipients are still being added" if _is_filling(workspace, campaign) else ""


def is_awaited() -> ColumnElement[bool]:
    """The same as a condition on the campaigns of a query."""
    named = select(CampaignGroup.group_id).where(
        CampaignGroup.workspace_id == Campaign.workspace_id,
        CampaignGroup.campaign_id == Campaign.id,
    )
    filling = exists().where(
        WaitingAddresses.workspace_id == Campaign.workspace_id,
        or_(
            WaitingAddresses.group_id == Campaign.own_group_id,
            WaitingAddresses.group_id.in_(named),
        ),
    )
    importing = exists().where(
        Import.workspace_id == Campaign.workspace_id,
        Import.state.in_(_UNDER_WAY),
        Import.group_ids.contains(func.to_jsonb(Campaign.own_group_id)),
    )
    return or_(filling, importing)


def holds_up(campaign: Campaign, found: Collection[Finding]) -> bool:
    """Whether its time has come, and what is on its way keeps it from starting."""
    at = campaign.scheduled_at
    return at is not None and at <= clock.now() and any(one.place in AWAITED for one in found)


def warnings(workspace: HasId, campaign: Campaign) -> list[Finding]:
    """What does not keep it from starting, but may not be meant."""
    found = []
    choice = audience_choice.of(workspace, campaign)
    importing = _importing(workspace, [*choice.group_ids, *choice.exclude_group_ids])
    if importing:
        message = (
            f"“{importing}” is still being imported: who is added after the start does not count."
        )
        found.append(Finding(message, Place.IMPORTS))
    if len(campaign.html.encode()) > contents.GMAIL_CLIPS_AT:
        message = "The e-mail is larger than 102 kB: Gmail will hide its end."
        found.append(Finding(message, Place.CONTENT))
    found += [_unknown(name) for name in merge_fields.unknown(workspace, campaign)]
    sender = _chosen_sender(workspace, campaign)
    if sender and sender.state == SenderState.COOLING:
        message = f"The sender “{sender.name}” is resting: {sender.state_reason}"
        found.append(Finding(message, Place.SENDER))
    return found


def refuse_during_import(workspace: HasId, campaign: Campaign, verb: str) -> None:
    """Raise Conflict while a file is on its way into the campaign's own group."""
    importing = _importing(workspace, [campaign.own_group_id or 0])
    if importing:
        message = f"“{campaign.name}” cannot be {verb}: “{importing}” is still being imported."
        raise Conflict(message)


def _unknown(name: str) -> Finding:
    message = f"No recent recipient has “{name}”: is it spelt as in your list?"
    return Finding(message, Place.CONTENT)


def _content(campaign: Campaign) -> list[Finding]:
    content = Content(campaign.subject, campaign.html, campaign.text)
    problems = contents.problems(content)
    found = [
        f"The {_FIELDS[field]} cannot be read as a template. {message}"
        for field, message in problems.items()
    ]
    if not campaign.subject.strip():
        found.append("The subject is empty.")
    if not problems and content.is_empty:
        found.append("The e-mail is empty.")
    return [Finding(message, Place.CONTENT) for message in found]


def _sender(workspace: HasId, campaign: Campaign) -> list[Finding]:
    sender = _chosen_sender(workspace, campaign)
    if sender is None:
        return [Finding("No sender is chosen.", Place.SENDERS)]
    if sender.state == SenderState.STOPPED:
        message = f"The sender “{sender.name}” is stopped: {sender.state_reason}".rstrip(" :")
        return [Finding(message, Place.SENDER)]
    return []


def _segments(workspace: HasId, campaign: Campaign) -> list[Finding]:
    """Who is not in a group that is gone would be everybody."""
    return [
        Finding(
            f"The segment “{name}” names a group or a campaign that was deleted: mend its rules.",
            Place.SEGMENTS,
        )
        for name in segments.broken(workspace, audience_choice.of(workspace, campaign))
    ]


def _chosen_sender(workspace: HasId, campaign: Campaign) -> Sender | None:
    if campaign.sender_id is None:
        return None
    try:
        return get_owned(workspace, Sender, campaign.sender_id)
    except NotFound:
        return None


def _is_empty(workspace: HasId, campaign: Campaign, seconds: float | None) -> bool:
    ask = partial(audience.is_empty, workspace, campaign)
    return bool(ask() if seconds is None else patience.within(seconds, ask))


def _nobody(workspace: HasId, campaign: Campaign) -> str:
    ask = partial(audience.preview, workspace, campaign)
    found = patience.within(audience.COUNT_SECONDS, ask)
    if found is None:
        return "Nobody who is chosen may be mailed."
    if not found.selected:
        return "No recipients are chosen."
    left_out = "excluded, unsubscribed" if found.excluded else "unsubscribed"
    return f"Everybody chosen is {left_out} or suppressed."


def _is_filling(workspace: HasId, campaign: Campaign) -> bool:
    """Whether addresses are on their way into its own group, or into one it names.

    Also one it leaves out: who is to be excluded must be in it before the start.
    """
    choice = audience_choice.of(workspace, campaign)
    own = [campaign.own_group_id] if campaign.own_group_id else []
    named = [*own, *choice.group_ids, *choice.exclude_group_ids]
    return bool(group_filling.filling(workspace, named))


def _importing(workspace: HasId, groups: list[int]) -> str:
    """The name of a file that is on its way into one of these groups, or ""."""
    under_way = select(Import.filename, Import.group_ids).where(
        Import.workspace_id == workspace.id,
        Import.state.in_(_UNDER_WAY),
    )
    rows = db.session.execute(under_way).all()
    return next((row.filename for row in rows if set(row.group_ids) & set(groups)), "")
