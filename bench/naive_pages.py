"""The naive way to show a large audience, as a competent beginner writes it: what `pages` beats.

ORM objects, a page by OFFSET, count(*) of what matches, ILIKE '%…%' over every column, one count a
group. Nothing is made slow on purpose: it asks the same tables, with the same indexes.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Select, Text, cast, func, or_, select

from campaign_app.extensions import db
from campaign_app.lib.tenancy import owned_by
from campaign_app.models.campaigns import Campaign, CampaignGroup
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import Group, GroupMember, Recipient, Suppression

SIZE = 50

Question = Callable[[], object]


def questions(workspace: Workspace, campaign: Campaign, *, people: int) -> dict[str, Question]:
    """What pages ask, by the names of the bench."""
    every = owned_by(workspace, Recipient)
    return {
        "list, first page": lambda: _page(every, 1),
        "list, deep page": lambda: _page(every, people * 2 // 3 // SIZE),
        "name prefix": lambda: _page(_search(every, "zoë a"), 1),
        "word, one person": lambda: _page(_search(every, "C-66666"), 1),
        "word, one in five": lambda: _page(_search(every, "españa"), 1),
        "status": lambda: _page(every.where(Recipient.status == "unsubscribed"), 1),
        "tag": lambda: _page(every.where(Recipient.tags.any("vip")), 1),
        "groups with sizes": lambda: _sizes(workspace),
        "audience of 3 groups": lambda: _audience(workspace, campaign),
    }


def _search(query: Select[Recipient], words: str) -> Select[Recipient]:
    pattern = f"%{words}%"
    columns = (Recipient.email, Recipient.name, cast(Recipient.attributes, Text))
    return query.where(or_(*(column.ilike(pattern) for column in columns)))


def _page(query: Select[Recipient], number: int) -> object:
    total = db.session.scalar(select(func.count()).select_from(query.subquery()))
    ordered = query.order_by(Recipient.id.desc()).offset((number - 1) * SIZE).limit(SIZE)
    return total, db.session.scalars(ordered).all()


def _sizes(workspace: Workspace) -> object:
    return [
        db.session.scalar(
            select(func.count()).where(
                GroupMember.workspace_id == workspace.id, GroupMember.group_id == group.id
            )
        )
        for group in db.session.scalars(owned_by(workspace, Group))
    ]


def _audience(workspace: Workspace, campaign: Campaign) -> int:
    chosen = db.session.scalars(
        select(CampaignGroup.group_id).where(
            CampaignGroup.workspace_id == workspace.id, CampaignGroup.campaign_id == campaign.id
        )
    ).all()
    people = db.session.scalars(
        select(Recipient.email)
        .join(GroupMember, GroupMember.recipient_id == Recipient.id)
        .where(
            Recipient.workspace_id == workspace.id,
            GroupMember.workspace_id == workspace.id,
            GroupMember.group_id.in_(chosen),
            Recipient.status == "subscribed",
        )
    )
    suppressed = set(
        db.session.scalars(
            select(Suppression.email).where(Suppression.workspace_id == workspace.id)
        )
    )
    return len(set(people) - suppressed)
