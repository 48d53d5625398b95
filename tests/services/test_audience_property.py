"""Whatever is chosen and excluded: what is shown before is who is mailed, each mailbox once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from campaign_app.extensions import db
from campaign_app.models.recipients import Suppression
from campaign_app.services import (
    audience,
    audience_choice,
    audience_parts,
    segments,
    suppressions,
)
from campaign_app.services.audience import Audience
from campaign_app.services.audience_choice import Choice
from tests import factories
from tests.people import Person

LOCALS = ["ana", "a.na", "ana+x", "bor"]
EMAILS = [f"{local}@{at}" for local in LOCALS for at in ("gmail.com", "outlook.com", "x.com")]
EMAILS += ["ana@googlemail.com", "ana+y@hotmail.com", "+@gmail.com", "+a@gmail.com"]


@dataclass(frozen=True)
class Somebody:
    email: str
    city: str
    status: str
    listed: str
    groups: frozenset[int]


people = st.lists(
    st.builds(
        Somebody,
        email=st.sampled_from(EMAILS),
        city=st.sampled_from(["Ljubljana", "Paris"]),
        status=st.sampled_from(["subscribed"] * 6 + ["unsubscribed", "complained", "bounced"]),
        listed=st.sampled_from([""] * 6 + ["listed", "erased"]),
        groups=st.frozensets(st.sampled_from([0, 1, 2])),
    ),
    max_size=8,
    unique_by=lambda one: one.email,
)
# What is chosen, what is excluded: groups 0 to 2, and the segment of those in Ljubljana.
parts = st.frozensets(st.sampled_from([0, 1, 2, "segment"]))


def mailbox(email: str) -> str:
    """Where mail to it ends up."""
    local, _, at = email.partition("@")
    plain = local.partition("+")[0]
    if at in ("gmail.com", "googlemail.com") and plain.replace(".", ""):
        return f"{plain.replace('.', '')}@gmail.com"
    return f"{plain}@{at}" if plain and at in ("outlook.com", "hotmail.com") else email


def places(one: Somebody, chosen: frozenset[object]) -> int:
    return len(one.groups & chosen) + (one.city == "Ljubljana" and "segment" in chosen)


def expected(
    crowd: list[Somebody], chosen: frozenset[object], out: frozenset[object], *, once: bool
) -> tuple[Audience, list[str]]:
    meant = [one for one in crowd if places(one, chosen)]
    kept = [one for one in meant if not places(one, out)]
    mailable = [one for one in kept if one.status == "subscribed" and not one.listed]
    first = {mailbox(one.email): one.email for one in reversed(mailable)}
    mailed = sorted(first.values()) if once else sorted(one.email for one in mailable)
    selected, spellings = sum(places(one, chosen) for one in crowd), len(mailable) - len(mailed)
    opted_out = sum(one.status in ("unsubscribed", "complained") for one in kept)
    numbers = Audience(
        selected=selected,
        duplicates=selected - len(meant) + spellings,
        excluded=len(meant) - len(kept),
        unsubscribed=opted_out,
        suppressed=len(kept) - opted_out - len(mailable),
        spellings=spellings,
    )
    return numbers, mailed


def settle(person: Person, crowd: list[Somebody]) -> list[int]:
    """Put them into the database; gives the ids of the three groups."""
    workspace = person.workspace
    groups = [factories.group(workspace) for _ in range(3)]
    for one in crowd:
        values = {"email": one.email, "status": one.status, "attributes": {"city": one.city}}
        row = factories.recipient(workspace, **values)
        for number in one.groups:
            factories.join(groups[number], row)
        if one.listed:
            whose = {"workspace_id": workspace.id, "email_hash": suppressions.hash_of(one.email)}
            email = one.email if one.listed == "listed" else None
            factories.save(Suppression(**whose, email=email))
    return [group.id for group in groups]


def chosen_ids(person: Person, groups: list[int], chosen: frozenset[object], out: object) -> Choice:
    rule = {"field": "attribute", "name": "city", "test": "is", "value": "ljubljana"}
    values = {"rules": [rule]}
    segment = segments.create(person.workspace, name="Here", rules=values, user=person.user)
    inside = [[n for n in range(3) if n in some] for some in (chosen, out)]
    return Choice(
        group_ids=[groups[n] for n in inside[0]],
        segment_ids=[segment.id] if "segment" in chosen else [],
        exclude_group_ids=[groups[n] for n in inside[1]],
        exclude_segment_ids=[segment.id] if "segment" in out else [],
    )


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(crowd=people, chosen=parts, out=parts, once=st.booleans())
@pytest.mark.usefixtures("session")
def test_what_is_shown_is_who_is_mailed(
    app: Flask, crowd: list[Somebody], chosen: frozenset[object], out: frozenset[object], once: bool
):
    person = Person.enter(app, factories.membership(name="Dana"))
    groups = settle(person, crowd)
    campaign = factories.campaign(person.workspace, one_per_mailbox=once)
    choice = chosen_ids(person, groups, chosen, out - chosen)
    audience_choice.save(person.workspace, campaign, choice)
    numbers, mailed = expected(crowd, chosen, out - chosen, once=once)
    parts = audience_parts.of(person.workspace, campaign)
    for either in (parts, replace(parts, small=-1)):  # as of a short list, and of a long one
        rows = db.session.execute(audience.members_of(either)).all()
        assert sorted(row.email for row in rows) == mailed
        assert audience.counted(either) == numbers
    assert audience.is_empty(person.workspace, campaign) == (not mailed)
    assert numbers.total == len(mailed)
