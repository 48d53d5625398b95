"""The database and plain Python mean the same people, whatever the rules and the people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.models.recipients import Recipient
from campaign_app.services import segment_rules, segment_shapes
from campaign_app.services.segment_shapes import TESTS, Wanted
from tests import factories
from tests.services.segment_people import Human, Mail, World

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
ODD = ["", "Ljubljana", "ljubljana", "LJUB", "12", "12.5", "12,5", "1,234", " 7 ", "-3", "1e9"]
ODD += ["NaN", "9" * 20, "2026-02-31", "2026-11-22", "2026-11-21T23:59", "2026-13-01", "%", "_x"]
ODD += ["Čačak", "ČAČAK", "\\", "'; DROP", "٣", "0", "-", ".", "1.", "12 ", "2026-11-2"]

texts = st.sampled_from(ODD)
moments = st.integers(-60 * 24 * 12, 0).map(lambda minutes: NOW + timedelta(minutes=minutes * 5))
mails = st.builds(
    Mail,
    status=st.sampled_from(["sent", "failed", "pending"]),
    sent_at=st.none() | moments,
    opened_at=st.none() | moments,
    clicked_at=st.none() | moments,
)
humans = st.lists(
    st.builds(
        Human,
        email=st.sampled_from([f"{n}{c}@example.com" for n in "ab" for c in "xyz"]),
        name=texts,
        attributes=st.dictionaries(st.sampled_from(["city", "size"]), texts, max_size=2),
        tags=st.sampled_from([(), ("vip",), ("new", "vip")]),
        status=st.sampled_from(["subscribed", "unsubscribed", "bounced"]),
        joined=moments,
        groups=st.sampled_from([(), (0,), (1,), (0, 1)]),
        mails=st.dictionaries(st.sampled_from([0, 1]), mails, max_size=2),
    ),
    max_size=6,
    unique_by=lambda human: human.email,
)
questions = st.sampled_from(
    [(f, test) for f, tests in TESTS.items() for test in tests if f != "changed"]
)
VALUES = {
    Wanted.NOTHING: st.none(),
    Wanted.TEXT: texts.filter(str.strip).map(str.strip),
    Wanted.NUMBER: st.sampled_from([12, 12.5, 0, -3, 7]),
    Wanted.DATE: st.sampled_from(["2026-11-22", "2026-11-21", "2026-02-28", "2026-11-01"]),
    Wanted.DAYS: st.sampled_from([1, 7, 30]),
    Wanted.STATUS: st.sampled_from(["subscribed", "bounced"]),
    Wanted.GROUP: st.sampled_from([0, 1]),
    Wanted.CAMPAIGN: st.sampled_from([0, 1]),
    Wanted.TAG: st.sampled_from(["vip", "new", "old"]),
}


@st.composite
def rules(draw: st.DrawFn) -> dict[str, object]:
    field, test = draw(questions)
    value = draw(VALUES[TESTS[field][test]])
    name = draw(st.sampled_from(["city", "size"])) if field == "attribute" else ""
    return {"field": field, "test": test, "name": name, "value": value}


several = st.builds(
    lambda match, some: {"match": match, "rules": some},
    st.sampled_from(["all", "any"]),
    st.lists(rules(), min_size=1, max_size=3),
)
segments = st.builds(
    lambda match, some, zone: {"match": match, "rules": some, "zone": zone},
    st.sampled_from(["all", "any"]),
    st.lists(rules() | several, min_size=1, max_size=4),
    st.sampled_from(["UTC", "Europe/Ljubljana", "America/Los_Angeles"]),
)


def with_ids(values: dict[str, object], world: World) -> dict[str, object]:
    """Put the world's ids in the place of numbers."""
    inner = values.get("rules")
    if isinstance(inner, list):
        return {**values, "rules": [with_ids(one, world) for one in inner]}
    owners = {"group": world.groups, "campaign": world.campaigns}.get(str(values["field"]))
    value = values["value"]
    return {**values, "value": owners[value].id} if owners and isinstance(value, int) else values


@pytest.mark.usefixtures("session")
@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(people=humans, values=segments)
def test_the_database_means_whom_plain_python_means(
    app: Flask, people: list[Human], values: dict[str, object]
):
    world = World.made(factories.workspace(), NOW)
    world.settle(people)
    checked = segment_shapes.checked(with_ids(values, world))
    found = db.session.scalars(
        select(Recipient.email)
        .where(Recipient.workspace_id == world.workspace.id)
        .where(segment_rules.compiled(world.workspace, checked, now=NOW))
    ).all()
    assert sorted(found) == sorted(one.email for one in people if world.meant(checked, one))
