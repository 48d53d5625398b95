"""A campaign's direct recipients as a program gives them: one list, of any length."""

from __future__ import annotations

from collections.abc import Sequence

from campaign_app.extensions import db
from campaign_app.lib import address
from campaign_app.lib.errors import InvalidEntries
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign
from campaign_app.models.people import User
from campaign_app.services import audience, group_endings, group_filling, readiness
from campaign_app.services.consent import Why
from campaign_app.services.group_filling import Filled
from campaign_app.services.group_joining import Joined

FIELD = "recipient_emails"


def checked(emails: Sequence[str], *, field: str = FIELD) -> list[str]:
    """The addresses in the form they are compared in, each once. Raises InvalidEntries."""
    results = address.normalise_many(emails)
    wrong = {place: problem for place, (_, problem) in enumerate(results) if problem}
    if wrong:
        raise InvalidEntries(wrong, field=field)
    return list(dict.fromkeys(email for email, _ in results))


def replace(workspace: HasId, campaign: Campaign, emails: Sequence[str], *, user: User) -> Filled:
    """Make these checked addresses the campaign's direct recipients, in the place of all others.

    Many of them wait in their rows: ring for them after the commit. Raises Conflict while a file is
    being imported for the campaign.
    """
    _forget(workspace, campaign)
    if not emails:
        return Filled(0, Joined())
    why = Why(f"Added to the campaign “{campaign.name}”", "api", user)
    own = audience.own_group(workspace, campaign)
    return group_filling.fill(workspace, own, emails, why=why)


def is_filling(workspace: HasId, campaign: Campaign) -> bool:
    """Whether some of them are still on their way into the campaign."""
    own = campaign.own_group_id
    return own is not None and group_filling.is_filling(workspace, own)


def _forget(workspace: HasId, campaign: Campaign) -> None:
    """Drop the own group with its members, and with what is still on its way into it."""
    former = campaign.own_group_id
    if former is None:
        return
    readiness.refuse_during_import(workspace, campaign, "given other recipients")
    campaign.own_group_id = None
    db.session.flush()
    group_endings.discard(workspace, former)
