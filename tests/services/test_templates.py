"""Saved e-mails."""

from __future__ import annotations

import pytest

from campaign_app.lib.errors import Invalid, NotFound
from campaign_app.services import templates
from campaign_app.services.contents import Content
from tests import factories
from tests.people import Person

CONTENT = Content("Hello {{ name }}", "<p>Hi</p>", "Hi")


def test_a_template_is_saved_with_its_html_made_safe(alice: Person):
    content = Content(html="<p>Hi</p><script>x</script>")
    row = templates.create(alice.workspace, name=" News ", content=content, user=alice.user)
    assert (row.name, row.html) == ("News", "<p>Hi</p>")


def test_a_name_is_given_once_per_workspace(alice: Person, charlie: Person):
    for person in (alice, charlie):
        templates.create(person.workspace, name="News", content=CONTENT, user=person.user)
    with pytest.raises(Invalid, match="already") as refusal:
        templates.create(alice.workspace, name="News", content=CONTENT, user=alice.user)
    assert refusal.value.field == "name"


def test_renaming_to_a_taken_name_changes_nothing(alice: Person):
    taken, row = factories.template(alice.workspace), factories.template(alice.workspace)
    before = row.name
    with pytest.raises(Invalid):
        templates.edit(alice.workspace, row, name=taken.name, content=CONTENT, user=alice.user)
    assert (row.name, row.subject) == (before, "Hello")


def test_a_broken_template_is_refused_at_its_field(alice: Person):
    with pytest.raises(Invalid, match="Line 2") as refusal:
        templates.create(
            alice.workspace, name="News", content=Content(html="<p>\n{{ name </p>"), user=alice.user
        )
    assert refusal.value.field == "html"


def test_the_list_is_searched_by_name_and_shows_nobody_elses(alice: Person, charlie: Person):
    for name in ("100% news", "Sale"):
        factories.template(alice.workspace, name=name)
    factories.template(charlie.workspace, name="100% theirs")
    found = templates.page(alice.workspace, search="0%")
    assert [row.name for row in found.items] == ["100% news"]
    assert templates.page(alice.workspace, number=99).total == 2


def test_a_stranger_does_not_find_it(alice: Person, charlie: Person):
    row = factories.template(alice.workspace)
    with pytest.raises(NotFound):
        templates.get(charlie.workspace, row.id)


def test_a_deleted_template_is_gone(alice: Person):
    row = factories.template(alice.workspace)
    number = row.id
    templates.delete(alice.workspace, row, user=alice.user)
    with pytest.raises(NotFound):
        templates.get(alice.workspace, number)
