"""The recipients that a campaign's author chose one by one: who is in its own hidden group."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import delete, func, select

from campaign_app.extensions import db
from campaign_app.lib import address
from campaign_app.lib.arrays import any_text
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign
from campaign_app.models.people import User
from campaign_app.models.recipients import GroupMember, Recipient
from campaign_app.services import audience, group_filling, suppressions
from campaign_app.services.audience_parts import of_groups
from campaign_app.services.consent import Why

NAMED = 3
"""Of many addresses that are refused."""


def some(workspace: HasId, campaign: Campaign, *, limit: int) -> Sequence[str]:
    """The addresses in the campaign's own group, by alphabet."""
    return db.session.scalars(
        select(Recipient.email)
        .where(Recipient.workspace_id == workspace.id)
        .where(Recipient.id.in_(of_groups(workspace, [campaign.own_group_id or 0])))
        .order_by(Recipient.email)
        .limit(limit)
    ).all()


def count(workspace: HasId, campaign: Campaign) -> int:
    """How many are in the campaign's own group."""
    own = of_groups(workspace, [campaign.own_group_id or 0])
    return db.session.scalar(select(func.count()).select_from(own.subquery())) or 0


def add(
    workspace: HasId, campaign: Campaign, emails: Iterable[str], *, user: User | None = None
) -> None:
    """Put addresses into the campaign's own group; who is not on the list yet is subscribed.

    Raises Invalid, naming the first few, when some are no addresses, or were erased.
    """
    normal = addable(workspace, emails)
    if not normal:
        return
    group = audience.own_group(workspace, campaign)
    why = Why(f"Added to the campaign “{campaign.name}”", "campaign", user)
    group_filling.put(workspace, group, normal, why=why)


def change(
    workspace: HasId,
    campaign: Campaign,
    *,
    before: Iterable[str],
    after: Iterable[str],
    user: User | None = None,
) -> None:
    """Bring the own group from what a person saw to what they wrote; what else it holds stays."""
    was, becomes = set(normalised(before)), set(normalised(after))
    remove(workspace, campaign, was - becomes)
    add(workspace, campaign, becomes - was, user=user)


def remove(workspace: HasId, campaign: Campaign, emails: Collection[str]) -> None:
    """Take addresses out of the campaign's own group; they stay recipients."""
    whose = select(Recipient.id).where(
        Recipient.workspace_id == workspace.id, Recipient.email == any_text(emails)
    )
    db.session.execute(
        delete(GroupMember).where(
            GroupMember.workspace_id == workspace.id,
            GroupMember.group_id == (campaign.own_group_id or 0),
            GroupMember.recipient_id.in_(whose),
        )
    )


def normalised(emails: Iterable[str]) -> list[str]:
    """The addresses in the form they are compared in, each once. Raises Invalid."""
    results = address.normalise_many(emails)
    wrong = [problem for _, problem in results if problem]
    if wrong:
        raise Invalid(" ".join(wrong[:NAMED]) + _and_more(wrong), field="direct")
    return list(dict.fromkeys(email for email, _ in results))


def addable(workspace: HasId, emails: Iterable[str]) -> list[str]:
    """The normalised addresses, none of which was erased. Raises Invalid, naming the first few."""
    normal = normalised(emails)
    if erased := sorted(suppressions.erased(workspace, normal)):
        told = f"{', '.join(erased[:NAMED])}: {suppressions.ERASED}"
        raise Invalid(told + _and_more(erased), field="direct")
    return normal


def _and_more(refused: Sequence[str]) -> str:
    more = len(refused) - NAMED
    return f" And {more:,} more like these." if more > 0 else ""
