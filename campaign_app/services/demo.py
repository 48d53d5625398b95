"""The demo workspace: what a newcomer finds, ready to be sent to the local mail catcher."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from itertools import product

from campaign_app.extensions import db
from campaign_app.lib.errors import NotFound
from campaign_app.lib.secrets import Vault
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import EDITABLE, Campaign
from campaign_app.models.people import Membership, User, Workspace
from campaign_app.models.recipients import Group, GroupMember, Recipient
from campaign_app.models.senders import Security, Sender
from campaign_app.models.templates import Template
from campaign_app.services import campaigns, people, senders
from campaign_app.services.audience_choice import Choice
from campaign_app.services.campaigns import Draft
from campaign_app.services.contents import Content
from campaign_app.services.sender_details import SenderDetails

EMAIL = "demo@carillon.example"
WORKSPACE = "Carillon demo"
CAMPAIGN = "Autumn at the Bell Tower"
SENDER = "Local mail catcher"
SUBJECT = (
    "{{ first_name | default: 'Hello' }}, autumn sounds good in {{ city | default: 'your town' }}"
)
RECIPIENTS = 200
READERS = 120
"""How many of them are newsletter readers; the others are customers."""

_FIRST = (
    "Ana", "Jonas", "Priya", "Wei", "Marie", "Tomáš", "Aisha", "Luca", "Freya", "Diego",
    "Zoë", "Kwame", "Sofía", "Henrik", "Yuki", "Olena", "Mateus", "Ingrid", "Rahul", "Noor",
)  # fmt: skip
_LAST = (
    ("Marković", "markovic"), ("Dahl", "dahl"), ("Shah", "shah"), ("Li", "li"),
    ("Tremblay", "tremblay"), ("Novák", "novak"), ("Okafor", "okafor"), ("Rossi", "rossi"),
    ("O’Brien", "obrien"), ("Fernández", "fernandez"),
)  # fmt: skip
_DOMAINS = ("mail.example", "inbox.example", "post.example")
_CITIES = ("Bruges", "Utrecht", "Lyon", "Prague", "Porto", "Leeds", "Graz", "Turku")
_PLANS = ("Free", "Friend", "Patron")
_PLAIN = str.maketrans("áíšžëéć", "aiszeec")


@dataclass(frozen=True, slots=True)
class Catcher:
    """The local mail catcher, and what keeps a sender's password (it has none)."""

    port: int
    vault: Vault


def ensure(*, email: str, password: str, catcher: Catcher) -> tuple[Membership, bool]:
    """The demo workspace, and whether it was made just now.

    One that stands is left as its user has changed it; only the catcher's port is brought up to
    date. Raises Invalid for a weak password.
    """
    try:
        membership = people.membership(people.by_email(email))
    except NotFound:
        return _make(email, password, catcher), True
    _follow(membership.workspace, catcher)
    return membership, False


def campaign_to_send(workspace: HasId, *, user: User) -> Campaign:
    """The demo's draft, or a copy of it when it has been sent. Raises NotFound when it is gone."""
    latest = db.session.scalars(
        owned_by(workspace, Campaign)
        .where(Campaign.name.startswith(CAMPAIGN))
        .order_by(Campaign.id.desc())
    ).first()
    if latest is None:
        raise NotFound(f"The demo campaign “{CAMPAIGN}” has been deleted or renamed.")
    if latest.status in EDITABLE:
        return latest
    copy = campaigns.duplicate(workspace, latest, user=user)
    copy.name = CAMPAIGN
    db.session.flush()  # its start reads the row again
    return copy


def _make(email: str, password: str, catcher: Catcher) -> Membership:
    membership = people.sign_up(name="Demo", email=email, password=password, workspace=WORKSPACE)
    workspace, user = membership.workspace, membership.user
    sender = senders.create(
        workspace, _details(catcher), user=user, vault=catcher.vault, allow_private=True
    )
    groups = _people(workspace)
    html = resources.files("campaign_app.services").joinpath("demo_mail.html").read_text("utf-8")
    db.session.add(
        Template(workspace_id=workspace.id, name="Concert news", subject=SUBJECT, html=html)
    )
    draft = Draft(
        name=CAMPAIGN,
        content=Content(subject=SUBJECT, html=html),
        sender_id=sender.id,
        choice=Choice(group_ids=[group.id for group in groups]),
    )
    campaigns.create(workspace, draft, user=user)
    return membership


def _details(catcher: Catcher) -> SenderDetails:
    return SenderDetails(
        name=SENDER,
        preset="local",
        host="127.0.0.1",
        port=catcher.port,
        security=Security.NONE,
        from_name="The Bell Tower",
        from_email="news@belltower.example",
        delay_seconds=0,
        max_connections=4,
        messages_per_connection=1_000,
    )


def _follow(workspace: Workspace, catcher: Catcher) -> None:
    mine = db.session.scalars(
        owned_by(workspace, Sender).where(Sender.preset == "local", Sender.host == "127.0.0.1")
    )
    for sender in mine:
        sender.port = catcher.port


def _people(workspace: Workspace) -> list[Group]:
    readers = Group(workspace_id=workspace.id, name="Newsletter readers")
    customers = Group(workspace_id=workspace.id, name="Customers")
    everybody = [_person(workspace, number) for number in range(RECIPIENTS)]
    db.session.add_all([readers, customers, *everybody])
    db.session.flush()
    db.session.add_all(
        GroupMember(
            workspace_id=workspace.id,
            group_id=(readers if number < READERS else customers).id,
            recipient_id=recipient.id,
        )
        for number, recipient in enumerate(everybody)
    )
    db.session.flush()
    return [readers, customers]


_NAMES = tuple(product(_LAST, _FIRST))


def _person(workspace: Workspace, number: int) -> Recipient:
    (family, plain), first = _NAMES[number]
    local = f"{first.lower().translate(_PLAIN)}.{plain}"
    return Recipient(
        workspace_id=workspace.id,
        email=f"{local}@{_DOMAINS[number % len(_DOMAINS)]}",
        name=f"{first} {family}",
        attributes={
            "city": _CITIES[number % len(_CITIES)],
            "plan": _PLANS[number % len(_PLANS)],
            "member_since": str(2016 + number % 10),
        },
    )
