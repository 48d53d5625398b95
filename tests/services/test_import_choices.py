"""What a person decides about an uploaded file."""

from __future__ import annotations

import pytest

from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.imports import EmptyCells, Existing, Import, ImportState
from campaign_app.services import groups, import_choices
from campaign_app.services.import_choices import Choices
from tests import factories


def an_import(workspace, **values) -> Import:
    defaults = {"filename": "people.csv", "storage_key": "uploads/x", "size": 1000}
    return factories.save(Import(workspace_id=workspace.id, **{**defaults, **values}))


def test_columns_and_choices_cannot_change_once_it_has_begun(alice):
    row = an_import(alice.workspace, state=ImportState.WAITING)
    with pytest.raises(Conflict):
        import_choices.match(alice.workspace, row, options={}, mapping=[])
    with pytest.raises(Conflict):
        import_choices.choose(alice.workspace, row, choices=Choices(), user=alice.user)


def test_the_permission_is_kept_with_who_gave_it_and_its_words(alice):
    row = an_import(alice.workspace)
    asked = Choices(permission=True, existing=Existing.FILL, empty_cells=EmptyCells.ERASE)
    import_choices.choose(alice.workspace, row, choices=asked, user=alice.user)
    assert row.permission_at is not None
    assert (row.permission_by, row.permission_words) == (alice.user.id, import_choices.PERMISSION)
    import_choices.choose(alice.workspace, row, choices=Choices(), user=alice.user)
    assert (row.permission_by, row.permission_at, row.permission_words) == (None, None, "")


def test_a_changed_mind_asks_for_a_new_dry_run(alice):
    row = an_import(alice.workspace, state=ImportState.CHECKED, report={"rows": 1})
    import_choices.match(alice.workspace, row, options={}, mapping=[])
    assert (row.state, row.report) == (ImportState.UPLOADED, {})


def test_groups_of_strangers_are_passed_over_and_tags_brought_to_one_form(alice, charlie):
    ours, theirs = factories.group(alice.workspace), factories.group(charlie.workspace)
    row = an_import(alice.workspace)
    asked = Choices(group_ids=[ours.id, theirs.id], tags=["VIP", " vip", "fair  2026", ""])
    import_choices.choose(alice.workspace, row, choices=asked, user=alice.user)
    assert (row.group_ids, row.tags) == ([ours.id], ["fair 2026", "vip"])


@pytest.mark.parametrize("tags", [["x" * 51], ["a,b"], ["a\tb\x00"], [str(n) for n in range(21)]])
def test_tags_are_a_few_short_words(alice, tags):
    with pytest.raises(Invalid) as refused:
        import_choices.choose(
            alice.workspace, an_import(alice.workspace), choices=Choices(tags=tags), user=alice.user
        )
    assert refused.value.field == "tags"


def test_the_last_import_that_began_tells_how_its_columns_were_matched(alice, charlie):
    entry = {"header": "Mail", "target": "email", "key": ""}
    an_import(alice.workspace, state=ImportState.DONE, mapping=[entry])
    an_import(alice.workspace, mapping=[])
    assert import_choices.former_mapping(alice.workspace) == [entry]
    assert import_choices.former_mapping(charlie.workspace) == []


def test_a_group_is_found_by_its_name_or_made(alice, charlie):
    known = factories.group(alice.workspace, name="Customers")
    factories.group(charlie.workspace, name="Fans")
    called = import_choices.group_called
    assert called(alice.workspace, " customers ", user=alice.user) == known.id
    made = called(alice.workspace, "Fans", user=alice.user)
    names = {group.id: group.name for group in groups.standing(alice.workspace)}
    assert names == {known.id: "Customers", made: "Fans"}
    with pytest.raises(Invalid) as refused:
        called(alice.workspace, "x" * 101, user=alice.user)
    assert refused.value.field == "new_group"
