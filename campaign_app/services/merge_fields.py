"""The merge fields an author can choose from: what Carillon knows of everybody, and attributes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from campaign_app.extensions import db
from campaign_app.lib import liquid
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.recipients import Recipient
from campaign_app.services.contents import Content

SAMPLE = 1_000
"""The latest recipients, whose attributes are offered: reading a million would take seconds."""


@dataclass(frozen=True, slots=True)
class MergeField:
    """What the menu says, and what it writes into the text."""

    label: str
    insert: str


STANDING = (
    MergeField("First name", "{{ first_name | default: 'friend' }}"),
    MergeField("Full name", "{{ name }}"),
    MergeField("E-mail address", "{{ email }}"),
    MergeField("Unsubscribe link", "{{ unsubscribe_url }}"),
)
_ALWAYS_KNOWN = frozenset({"first_name", "name", "email", "unsubscribe_url"})


def offered(workspace: HasId) -> list[MergeField]:
    """The standing fields, then the attributes of the latest recipients by alphabet."""
    extra = [
        MergeField(key.replace("_", " ").capitalize(), f"{{{{ {key} }}}}")
        for key in attribute_keys(workspace)
    ]
    return [*STANDING, *extra]


def attribute_keys(workspace: HasId) -> list[str]:
    """The attributes of the latest recipients by alphabet: "city", "plan"."""
    return sorted(_attributes(workspace) - _ALWAYS_KNOWN)


def unknown(workspace: HasId, content: Content) -> list[str]:
    """Fields that the content uses and none of the latest recipients has: misspelt, perhaps."""
    used: set[str] = set()
    for part, escape in (
        (content.subject, liquid.Escape.NONE),
        (content.html, liquid.Escape.HTML),
        (content.text, liquid.Escape.NONE),
    ):
        try:
            used |= liquid.compile(part, escape=escape).fields
        except Invalid:
            continue  # a broken template is another finding
    return sorted(used - _ALWAYS_KNOWN - _attributes(workspace)) if used else []


def _attributes(workspace: HasId) -> set[str]:
    latest = (
        owned_by(workspace, Recipient)
        .with_only_columns(Recipient.attributes)
        .order_by(Recipient.id.desc())
        .limit(SAMPLE)
        .subquery()
    )
    keys = func.jsonb_object_keys(latest.c.attributes)
    return set(db.session.scalars(select(keys).distinct()))
