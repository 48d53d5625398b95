"""Many suppressions at once: read from a file or a box, worked off in steps."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid
from campaign_app.models.audit import AuditEntry
from campaign_app.services import suppression_imports, suppressions
from campaign_app.services.suppression_imports import CHUNK, entries, read
from tests.people import Person


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a@x.com\nb@x.com\n", ["a@x.com", "b@x.com"]),
        ("email;name\na@x.com;Ana\n\nb@x.com;\n", ["a@x.com", "b@x.com"]),
        ('1,"Ana, X",a@x.com\n', ["a@x.com"]),
        ("<a@x.com>\r\nnobody\r\n", ["a@x.com", "nobody"]),
    ],
)
def test_the_cell_with_the_at_counts(text: str, found: list[str]):
    assert entries(text, reason="why") == [(email, "why") for email in found]


def test_our_own_export_comes_back_with_its_reasons():
    text = "email,reason,source,suppressed_at\na@x.com,550 gone,smtp,2026-01-01\nb@x.com,,page,\n"
    assert entries(text, reason="old") == [("a@x.com", "550 gone"), ("b@x.com", "old")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_of_any_usual_encoding_are_read(encoding: str):
    assert read("Müller,a@x.com".encode(encoding)) == "Müller,a@x.com"


@pytest.mark.parametrize("text", ["", "\n \n", "email,name\n"])
def test_an_empty_list_is_refused(text: str):
    with pytest.raises(Invalid) as refusal:
        entries(text, reason="x")
    assert refusal.value.field == "addresses"


def test_a_quotation_mark_that_never_closes_is_told():
    text = 'a@x.com\n"b@x.com\n' + "c@x.com\n" * 20_000
    with pytest.raises(Invalid, match="quotation mark"):
        entries(text, reason="x")


def test_a_long_list_is_worked_off_in_steps_and_counted(alice: Person):
    suppressions.put(alice.workspace, ["p0@x.com"], reason="first", source="page")
    found = [(f"P{n}@x.com", "old") for n in range(CHUNK + 2)] + [("p1@x.com", ""), ("no", "")]
    row = suppression_imports.begin(alice.workspace, found, name="old.csv", user=alice.user)
    assert suppression_imports.step(row.id)
    assert row.finished_at is None
    assert suppression_imports.step(row.id)
    assert row.finished_at is not None
    assert not suppression_imports.step(row.id)
    assert (row.added, row.already, row.invalid) == (CHUNK + 1, 2, 1)
    assert row.problems[0][0] == "no"
    summary = db.session.query(AuditEntry).filter_by(workspace_id=alice.workspace.id).one().summary
    assert summary.startswith("Alice put 5,001 addresses")


def test_nobody_sees_a_neighbours_imports(alice: Person, charlie: Person):
    suppression_imports.begin(alice.workspace, [("a@x.com", "")], name="x", user=alice.user)
    assert not suppression_imports.latest(charlie.workspace)
