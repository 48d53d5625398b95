"""Groups: named once, filled in sets, forgotten without their recipients."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid, NotFound
from campaign_app.models.recipients import Recipient
from campaign_app.services import groups, pasting, recipients, suppressions
from tests import factories
from tests.people import Person


def test_names_are_taken_whatever_their_case(alice: Person, charlie: Person):
    groups.create(alice.workspace, name="  Autumn  customers ", user=alice.user)
    with pytest.raises(Invalid, match="already") as refusal:
        groups.create(alice.workspace, name="autumn customers", user=alice.user)
    assert refusal.value.field == "name"
    assert groups.create(charlie.workspace, name="Autumn customers", user=charlie.user)


def test_renaming_to_a_taken_name_is_refused(alice: Person):
    factories.group(alice.workspace, name="Taken")
    group = factories.group(alice.workspace, name="Mine")
    with pytest.raises(Invalid, match="“taken” already"):
        groups.rename(alice.workspace, group, name="taken", user=alice.user)
    groups.rename(alice.workspace, group, name="MINE", user=alice.user)
    assert group.name == "MINE"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_group_needs_a_sensible_name(alice: Person, name: str):
    with pytest.raises(Invalid):
        groups.create(alice.workspace, name=name, user=alice.user)


def test_hidden_groups_never_show(alice: Person):
    ana = factories.recipient(alice.workspace)
    hidden = factories.group(alice.workspace, hidden=True, members=[ana])
    assert not groups.standing(alice.workspace)
    assert groups.of(alice.workspace, [ana.id]) == {}
    with pytest.raises(NotFound):
        groups.get(alice.workspace, hidden.id)


def test_sizes_count_members(alice: Person, charlie: Person):
    rows = [factories.recipient(alice.workspace) for _ in range(3)]
    full = factories.group(alice.workspace, members=rows)
    half = factories.group(alice.workspace, members=rows[:1])
    assert groups.sizes(alice.workspace) == {full.id: 3, half.id: 1}
    assert groups.sizes(charlie.workspace) == {}


def test_joining_twice_counts_once_and_leaves_strangers_out(alice: Person, charlie: Person):
    ana, stranger = factories.recipient(alice.workspace), factories.recipient(charlie.workspace)
    group = factories.group(alice.workspace)
    assert groups.join(alice.workspace, group, [ana.id, stranger.id]) == 1
    assert groups.join(alice.workspace, group, [ana.id]) == 0
    assert groups.leave(alice.workspace, group, [ana.id, stranger.id]) == 1


def test_a_person_can_be_given_their_groups(alice: Person):
    ana = factories.recipient(alice.workspace)
    former = factories.group(alice.workspace, members=[ana], name="A")
    kept = factories.group(alice.workspace, members=[ana], name="B")
    new = factories.group(alice.workspace, name="C")
    groups.assign(alice.workspace, ana, {kept.id, new.id, 10**9})
    mine = groups.of(alice.workspace, [ana.id])[ana.id]
    assert [group.id for group in mine] == [kept.id, new.id]
    assert former.id not in {group.id for group in mine}


def test_deleting_a_group_leaves_its_recipients(alice: Person):
    ana = factories.recipient(alice.workspace)
    group = factories.group(alice.workspace, members=[ana])
    groups.delete_one(alice.workspace, group, user=alice.user)
    assert recipients.get(alice.workspace, ana.id)
    assert groups.sizes(alice.workspace) == {}


def test_it_names_the_campaigns_that_still_wait_for_a_group(alice: Person):
    group = factories.group(alice.workspace)
    for name, status in [("B", "scheduled"), ("A", "draft"), ("Old", "completed")]:
        factories.campaign(alice.workspace, groups=[group], name=name, status=status)
    assert groups.waiting_campaigns(alice.workspace, group) == ["A", "B"]


def test_pasted_lines_join_and_wrong_ones_are_named(alice: Person):
    known = factories.recipient(alice.workspace, email="known@example.com", name="Known")
    group = factories.group(alice.workspace, members=[known])
    text = "Ana M <ANA@example.com>\n\nnot an address\nb@x.com; c@x.com, b@x.com\nknown@example.com"
    pasted = pasting.paste(alice.workspace, group, text=text, user=alice.user)
    assert (pasted.new, pasted.joined, pasted.already) == (3, 3, 1)
    assert [(problem.line, problem.text) for problem in pasted.problems] == [(3, "not an address")]
    ana = recipients.by_email(alice.workspace, "ana@example.com")
    assert isinstance(ana, Recipient)
    assert ana.name == "Ana M"


def test_pasting_says_who_is_suppressed_and_resurrects_nobody(alice: Person):
    off = factories.recipient(alice.workspace, status="unsubscribed")
    suppressions.put(alice.workspace, ["s@x.com"], reason="550", source="smtp")
    group = factories.group(alice.workspace)
    pasted = pasting.paste(alice.workspace, group, text=f"{off.email}\ns@x.com", user=alice.user)
    db.session.refresh(off)
    assert (pasted.suppressed, str(off.status)) == (1, "unsubscribed")


@pytest.mark.parametrize("text", ["", " \n , ;\n", "a@b.com\n" * 10_001])
def test_an_empty_or_endless_paste_is_refused(alice: Person, text: str):
    group = factories.group(alice.workspace)
    with pytest.raises(Invalid) as refusal:
        pasting.paste(alice.workspace, group, text=text, user=alice.user)
    assert refusal.value.field == "addresses"


def test_a_stranger_does_not_find_a_group(alice: Person, charlie: Person):
    group = factories.group(alice.workspace)
    with pytest.raises(NotFound):
        groups.get(charlie.workspace, group.id)
    assert not groups.chosen(charlie.workspace, [group.id])
