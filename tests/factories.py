"""Rows for tests: each function makes one, committed, with sensible values of its own."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any, TypeVar

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.address import digest
from campaign_app.models.campaigns import Campaign, CampaignGroup
from campaign_app.models.messages import Batch, BatchState, Message, MessageStatus
from campaign_app.models.people import Membership, Role, User, Workspace
from campaign_app.models.recipient_bulk import Action, BulkAction
from campaign_app.models.recipients import Group, GroupMember, Recipient, Suppression
from campaign_app.models.senders import Security, Sender
from campaign_app.models.templates import Template
from campaign_app.models.uploads import Upload

_numbers = itertools.count(1)
T = TypeVar("T")


def save(row: T) -> T:
    db.session.add(row)
    db.session.commit()
    return row


def workspace(name: str = "Acme") -> Workspace:
    return save(Workspace(name=name))


def user(name: str = "Alice", **values: Any) -> User:
    email = f"{name.lower()}{next(_numbers)}@example.com"
    return save(User(**{"name": name, "email": email, "password_hash": "!", **values}))


def membership(
    *, name: str = "Alice", role: str = "owner", workspace: Workspace | None = None
) -> Membership:
    place = workspace or save(Workspace(name=f"{name}'s workspace"))
    return save(Membership(workspace=place, user=user(name), role=Role(role)))


def sender(workspace: Workspace, **values: Any) -> Sender:
    number = next(_numbers)
    defaults = {
        "name": f"Sender {number}",
        "host": "127.0.0.1",
        "port": 2525,
        "security": Security.NONE,
        "from_email": "news@example.com",
        "from_name": "Acme News",
        "delay_seconds": 0.0,
    }
    return save(Sender(workspace_id=workspace.id, **{**defaults, **values}))


def recipient(workspace: Workspace, **values: Any) -> Recipient:
    defaults = {"email": f"person{next(_numbers)}@example.com", "name": "Ana Marković"}
    return save(Recipient(workspace_id=workspace.id, **{**defaults, **values}))


def erased(workspace: Workspace, email: str) -> Suppression:
    """What an erasure leaves of an address."""
    hashed = {"email": None, "email_hash": digest(email), "source": "erasure"}
    return save(Suppression(workspace_id=workspace.id, **hashed))


def group(workspace: Workspace, *, members: list[Recipient] | None = None, **values: Any) -> Group:
    row = save(Group(workspace_id=workspace.id, **{"name": f"Group {next(_numbers)}", **values}))
    for member in members or []:
        join(row, member)
    return row


def join(group: Group, recipient: Recipient) -> GroupMember:
    return save(
        GroupMember(workspace_id=group.workspace_id, group_id=group.id, recipient_id=recipient.id)
    )


def template(workspace: Workspace, **values: Any) -> Template:
    defaults = {"name": f"Template {next(_numbers)}", "subject": "Hello", "html": "<p>Hi</p>"}
    return save(Template(workspace_id=workspace.id, **{**defaults, **values}))


def campaign(workspace: Workspace, *, groups: list[Group] | None = None, **values: Any) -> Campaign:
    defaults = {
        "name": f"Campaign {next(_numbers)}",
        "subject": "Hello {{ first_name | default: 'friend' }}",
        "html": '<p>Hi {{ name }}, <a href="https://shop.example/sale">look</a>.</p>',
    }
    row = save(Campaign(workspace_id=workspace.id, **{**defaults, **values}))
    for one in groups or []:
        save(CampaignGroup(workspace_id=workspace.id, campaign_id=row.id, group_id=one.id))
    return row


def upload(workspace: Workspace, **values: Any) -> Upload:
    """An upload of ten bytes, of which nothing has arrived and nothing is on the disk."""
    defaults = {
        "filename": "people.csv",
        "size": 10,
        "part_size": 8 * 1024**2,
        "storage_key": f"uploads/{next(_numbers):032x}",
        "expires_at": clock.now() + timedelta(days=1),
    }
    return save(Upload(workspace_id=workspace.id, **{**defaults, **values}))


def message(campaign: Campaign, recipient: Recipient, **values: Any) -> Message:
    """A message of a batch of its own, sent an hour ago unless told otherwise; it is planned."""
    campaign.planned_at = campaign.planned_at or clock.now()
    whose = {"workspace_id": campaign.workspace_id, "campaign_id": campaign.id}
    sender_id = campaign.sender_id or 0
    batch = save(Batch(**whose, sender_id=sender_id, state=BatchState.DONE, size=1, sent=1))
    defaults = {
        "status": MessageStatus.SENT,
        "sent_at": clock.now() - timedelta(hours=1),
        "address": recipient.email,
    }
    where = {"recipient_id": recipient.id, "batch_id": batch.id}
    return save(Message(**whose, **where, **{**defaults, **values}))


def crowd(workspace: Workspace, size: int) -> Group:
    """A group of `size` recipients, p0@example.com, p1@…, made at once."""
    row = group(workspace)
    people = [
        Recipient(workspace_id=workspace.id, email=f"p{n}@example.com", name=f"Person {n}")
        for n in range(size)
    ]
    db.session.add_all(people)
    db.session.flush()
    ids = {"workspace_id": workspace.id, "group_id": row.id}
    db.session.add_all(GroupMember(**ids, recipient_id=person.id) for person in people)
    db.session.commit()
    return row


def bulk_action(workspace: Workspace, **values: Any) -> BulkAction:
    """An action that was asked for and waits for a worker."""
    order = {"action": "delete", "ids": [1], "chosen": {"status": None}, "sources": []}
    defaults = {"action": Action.DELETE, "order": {**order, "merging": False}}
    return save(BulkAction(workspace_id=workspace.id, **{**defaults, **values}))
