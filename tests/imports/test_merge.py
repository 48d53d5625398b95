"""What an import does to people, against a model in plain Python; and back again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign_app.extensions import db
from campaign_app.imports import run
from campaign_app.imports.importing import counts_of
from campaign_app.imports.job import orders_of
from campaign_app.imports.mapping import Column, Target
from campaign_app.imports.merge import Merger
from campaign_app.imports.prepare import Preparer
from campaign_app.imports.seen import Seen
from campaign_app.lib import clock
from campaign_app.models.imports import EmptyCells, Existing, Import, ImportState
from campaign_app.models.recipients import Group, RecipientStatus, Suppression
from tests import factories
from tests.imports import files
from tests.imports.imported import stored

COLUMNS = [
    Column("Mail", Target.EMAIL),
    Column("Name", Target.NAME),
    Column("City", Target.ATTRIBUTE, "city"),
    Column("Plan", Target.ATTRIBUTE, "plan"),
]
EMAILS = [f"{letter}@x.com" for letter in "abcdef"]
CELLS = st.sampled_from(["", "", "x", "y"])
ROWS = st.lists(
    st.tuples(st.sampled_from([*EMAILS, "A@X.com", "bad", ""]), CELLS, CELLS, CELLS), max_size=14
)
ATTRIBUTES = st.fixed_dictionaries({}, optional={"city": CELLS, "plan": CELLS, "age": CELLS})
PEOPLE = st.dictionaries(
    st.sampled_from(EMAILS), st.tuples(CELLS, ATTRIBUTES, st.booleans()), max_size=4
)


@dataclass
class Model:
    """The list as plain Python: rows are applied one by one, and people counted once."""

    row: Import
    people: dict[str, tuple[str, dict[str, str], frozenset[str]]]
    counts: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, str] = field(default_factory=dict)

    def apply(self, email: str, name: str, *values: str) -> None:
        email, cells = email.lower(), dict(zip(("city", "plan"), values, strict=True))
        if not any((email, name, *values)):
            return
        self.counts["rows"] += 1
        if "@" not in email:
            self.counts["invalid"] += 1
            return
        self.counts["duplicates"] += email in self.kinds
        self._put(email, name, {key: value for key, value in cells.items() if value})

    def _put(self, email: str, name: str, filled: dict[str, str]) -> None:
        stood = self.people.get(email)
        if stood is None:
            after = (name, filled, frozenset(self.row.tags))
            self.kinds[email] = "new"
        else:
            after = (*self._merged(stood, name, filled), stood[2] | set(self.row.tags))
            if after != stood and self.kinds.get(email) in (None, "unchanged"):
                self.kinds[email] = "updated"
        self.people[email] = after
        self.kinds.setdefault(email, "unchanged")

    def _merged(self, stood, name, filled):
        if self.row.existing == Existing.SKIP:
            return stood[:2]
        if self.row.existing == Existing.FILL:
            kept = {key: value for key, value in stood[1].items() if value or key not in filled}
            return stood[0] or name, filled | kept
        if self.row.empty_cells == EmptyCells.ERASE:
            others = {key: value for key, value in stood[1].items() if key not in ("city", "plan")}
            return name, others | filled
        return name or stood[0], stood[1] | filled

    def totals(self) -> dict[str, int]:
        return dict(self.counts + Counter(self.kinds.values()))


def through(row: Import, rows, size: int, *, dry: bool) -> dict[str, int]:
    """The counts after these rows went through the engine, so many at a time."""
    totals: Counter[str] = Counter()
    preparer = Preparer(COLUMNS, existing=row.existing, empty_cells=row.empty_cells)
    with db.engine.connect() as connection:
        merger, met = Merger(connection, orders_of(row)), Seen()
        with merger.ready():
            for first, chunk in enumerate(cut(rows, size)):
                batch = preparer.batch(first, [list(cells) for cells in chunk])
                batch.firsts = [met.add(email) for email in batch.emails]
                found = merger.compare(batch).counts if dry else merger.merge(batch, first + 1)
                totals.update(counts_of(batch, found))
                connection.commit()
    return {name: number for name, number in totals.items() if number}


def cut(rows, size: int):
    return [rows[place : place + size] for place in range(0, len(rows), size)]


def an_import(workspace, people, **values) -> Import:
    """An import into a workspace with these people, of whom the first is suppressed."""
    group = a_list(workspace, people)
    factories.save(Suppression(workspace_id=workspace.id, email="a@x.com"))
    row = Import(workspace_id=workspace.id, filename="x", storage_key="uploads/x", size=1)
    row.mapping = [column.as_entry() for column in COLUMNS]
    row.group_ids, row.started_at = [group.id], clock.now()
    for name, value in values.items():
        setattr(row, name, value)
    return factories.save(row)


def a_list(workspace, people) -> Group:
    """These people; the first is in the group that is given, the second in another."""
    group, other = factories.group(workspace), factories.group(workspace, name="Other")
    made = [
        factories.recipient(
            workspace,
            email=email,
            name=name,
            attributes=attributes,
            tags=["old"],
            status=RecipientStatus.UNSUBSCRIBED if left else RecipientStatus.SUBSCRIBED,
        )
        for email, (name, attributes, left) in people.items()
    ]
    for person in made[:2]:
        factories.join(group if person is made[0] else other, person)
    return group


@dataclass(frozen=True)
class Case:
    """A list of people, a file, and how that is imported."""

    people: dict[str, tuple[str, dict[str, str], bool]]
    rows: list[tuple[str, ...]]
    size: int
    choices: dict[str, object]


CASES = st.builds(
    Case,
    people=PEOPLE,
    rows=ROWS,
    size=st.integers(1, 15),
    choices=st.fixed_dictionaries(
        {
            "existing": st.sampled_from(Existing),
            "empty_cells": st.sampled_from(EmptyCells),
            "tags": st.sampled_from([[], ["new"], ["new", "old"]]),
        }
    ),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=CASES)
def test_it_does_what_plain_python_does_and_the_dry_run_foretold_and_undoes_it(workspace, case):
    own = factories.workspace()
    row = an_import(own, case.people, **case.choices)
    before = stored(own)
    model = Model(row, known(case.people))
    for cells in case.rows:
        model.apply(*cells)
    foretold = through(row, case.rows, case.size, dry=True)
    assert stored(own) == before
    counts = through(row, case.rows, case.size, dry=False)
    assert {p.email: (p.name, p.attributes, frozenset(p.tags)) for p in stored(own)} == model.people
    assert counts == foretold
    assert {name: n for name, n in counts.items() if name != "suppressed"} == model.totals()
    assert undone(row) == (len(model.people) - len(case.people), counts.get("updated", 0))
    assert stored(own) == before


def known(people):
    return {
        email: (name, dict(more), frozenset({"old"})) for email, (name, more, _) in people.items()
    }


def undone(row: Import) -> tuple[int, int]:
    row.state, row.undo_asked_at = ImportState.UNDOING, clock.now()
    row.heartbeat_at = clock.now()
    db.session.commit()
    assert run.run(row.id, stores=files.stores(Path("/nowhere")))
    db.session.refresh(row)
    assert (row.state, row.spared) == (ImportState.UNDONE, 0)
    return row.removed, row.restored
