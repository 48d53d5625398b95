"""Everything that a workspace holds about one address, for whoever asks what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Executable, and_, or_, select

from campaign_app.extensions import db
from campaign_app.lib import address
from campaign_app.lib.arrays import any_id
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.audit import AuditEntry
from campaign_app.models.campaigns import Campaign
from campaign_app.models.messages import DeliveryEvent, Message
from campaign_app.models.recipients import ConsentEvent, Recipient
from campaign_app.models.signups import Signup
from campaign_app.models.tracking import ClickEvent, OpenEvent
from campaign_app.services import erasures, groups, mentions, suppressions

Sheet = Sequence[Mapping[str, Any]]


def gather(workspace: HasId, email: str) -> dict[str, Sheet]:
    """What is known, by kind: each a list of rows, empty where there is nothing.

    Raises Invalid for what is no address. This reads all messages of the workspace.
    """
    normal = address.normalise(email)
    ids = erasures.known_ids(workspace, normal)
    messages = _messages(workspace, normal, ids)
    theirs = [row["message"] for row in messages]
    return {
        "recipient": _recipient(workspace, normal),
        "consent": _consent(workspace, normal),
        "suppression": _suppression(workspace, normal),
        "sign-ups": _signups(workspace, normal),
        "messages": messages,
        "server replies": _replies(workspace, theirs),
        "opens": _events(workspace, OpenEvent, theirs),
        "clicks": _events(workspace, ClickEvent, theirs),
        "activity": _activity(workspace, normal),
    }


def _recipient(workspace: HasId, email: str) -> Sheet:
    found = db.session.scalars(
        owned_by(workspace, Recipient).where(Recipient.email == email)
    ).one_or_none()
    if found is None:
        return []
    names = ("email", "name", "status", "status_at", "status_reason", "tags", "attributes")
    mine = groups.of(workspace, [found.id]).get(found.id, [])
    row = {name: getattr(found, name) for name in (*names, "created_at", "updated_at")}
    return [{**row, "groups": [group.name for group in mine]}]


def _consent(workspace: HasId, email: str) -> Sheet:
    return _rows(
        select(
            *(ConsentEvent.created_at, ConsentEvent.action, ConsentEvent.reason),
            *(ConsentEvent.source, ConsentEvent.evidence),
        )
        .where(ConsentEvent.workspace_id == workspace.id, ConsentEvent.email == email)
        .order_by(ConsentEvent.id)
    )


def _signups(workspace: HasId, email: str) -> Sheet:
    return _rows(
        select(Signup.asked_at, Signup.name, Signup.attributes, Signup.ip, Signup.confirmed_at)
        .where(Signup.workspace_id == workspace.id, Signup.email == email)
        .order_by(Signup.id)
    )


def _activity(workspace: HasId, email: str) -> Sheet:
    return _rows(
        select(AuditEntry.created_at, AuditEntry.summary)
        .where(
            AuditEntry.workspace_id == workspace.id,
            mentions.names(AuditEntry.summary, email),
        )
        .order_by(AuditEntry.id)
    )


def _suppression(workspace: HasId, email: str) -> Sheet:
    found = suppressions.find(workspace, email)
    names = ("reason", "source", "created_at")
    return [{name: getattr(found, name) for name in names}] if found else []


def _messages(workspace: HasId, email: str, ids: Sequence[int]) -> Sheet:
    own = and_(Campaign.workspace_id == workspace.id, Campaign.id == Message.campaign_id)
    return _rows(
        select(
            *(Message.id.label("message"), Campaign.name.label("campaign"), Campaign.subject),
            *(Message.address, Message.status, Message.sent_at, Message.opened_at),
            Message.clicked_at,
        )
        .outerjoin(Campaign, own)
        .where(
            Message.workspace_id == workspace.id,
            or_(Message.address == email, Message.recipient_id == any_id(ids)),
            # What a planner left of a campaign that is still to be planned is nobody's message.
            or_(Campaign.id.is_(None), Campaign.planned_at.is_not(None)),
        )
        .order_by(Message.id)
    )


def _replies(workspace: HasId, messages: Sequence[int]) -> Sheet:
    event = DeliveryEvent
    return _rows(
        select(event.message_id.label("message"), event.created_at, event.code, event.reply)
        .where(event.workspace_id == workspace.id, event.message_id == any_id(messages))
        .order_by(event.id)
    )


def _events(
    workspace: HasId, event: type[OpenEvent] | type[ClickEvent], messages: Sequence[int]
) -> Sheet:
    return _rows(
        select(
            *(event.message_id.label("message"), event.created_at, event.times),
            *(event.ip, event.user_agent, event.machine_reason),
        )
        .where(event.workspace_id == workspace.id, event.message_id == any_id(messages))
        .order_by(event.id)
    )


def _rows(query: Executable) -> Sheet:
    return [dict(row) for row in db.session.execute(query).mappings()]
