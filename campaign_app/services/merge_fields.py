"""The merge fields an author can choose from: what Carillon knows of everybody, and attributes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Select, func, select

from campaign_app.extensions import db
from campaign_app.lib import liquid, patience
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import Campaign
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.recipients import Recipient
from campaign_app.services import audience

SAMPLE = 1_000
"""The latest recipients, whose attributes are offered: reading a million would take seconds."""
IMPORTS = 50
"""The latest imports, whose columns are offered, too."""
AUDIENCE, AUDIENCE_SECONDS = 300, 0.5
"""How many of a campaign's own people are looked at, and for how long at most."""


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
_IMPORTED = (ImportState.RUNNING, ImportState.STOPPED, ImportState.DONE)


def offered(workspace: HasId) -> list[MergeField]:
    """The standing fields, then the known attributes by alphabet."""
    extra = [
        MergeField(key.replace("_", " ").capitalize(), f"{{{{ {key} }}}}")
        for key in attribute_keys(workspace)
    ]
    return [*STANDING, *extra]


def attribute_keys(workspace: HasId) -> list[str]:
    """The attributes of the latest recipients and imports by alphabet: "city", "plan"."""
    return sorted(_attributes(workspace) - _ALWAYS_KNOWN)


def unknown(workspace: HasId, campaign: Campaign) -> list[str]:
    """Fields that the campaign uses and nobody seems to have: misspelt, perhaps.

    Looked for among the known attributes, then among the first of the campaign's own audience.
    """
    missing = _used(campaign) - _ALWAYS_KNOWN
    if missing:
        missing -= _attributes(workspace)
    if missing:
        missing -= _of_audience(workspace, campaign)
    return sorted(missing)


def _used(campaign: Campaign) -> set[str]:
    used: set[str] = set()
    for part, escape in (
        (campaign.subject, liquid.Escape.NONE),
        (campaign.html, liquid.Escape.HTML),
        (campaign.text, liquid.Escape.NONE),
    ):
        try:
            used |= liquid.compile(part, escape=escape).fields
        except Invalid:
            continue  # a broken template is another finding
    return used


def _attributes(workspace: HasId) -> set[str]:
    latest = owned_by(workspace, Recipient).order_by(Recipient.id.desc()).limit(SAMPLE)
    return _keys(latest.with_only_columns(Recipient.attributes)) | _imported(workspace)


def _imported(workspace: HasId) -> set[str]:
    """What the columns of the latest imports became: the latest people may be from elsewhere."""
    mappings = db.session.scalars(
        select(Import.mapping)
        .where(Import.workspace_id == workspace.id, Import.state.in_(_IMPORTED))
        .order_by(Import.id.desc())
        .limit(IMPORTS)
    )
    columns = [column for mapping in mappings for column in mapping]
    keys = {column["key"] for column in columns if column["target"] == "attribute"}
    return keys | {"last_name" for column in columns if column["target"] == "last_name"}


def _of_audience(workspace: HasId, campaign: Campaign) -> set[str]:
    some = audience.somebody(workspace, campaign).limit(AUDIENCE)
    ask = partial(_keys, some.with_only_columns(Recipient.attributes))
    return patience.within(AUDIENCE_SECONDS, ask) or set()


def _keys(attributes: Select[dict[str, str]]) -> set[str]:
    keys = func.jsonb_object_keys(attributes.subquery().c.attributes)
    return set(db.session.scalars(select(keys).distinct()))
