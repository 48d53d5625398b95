"""Turns raw rows into people: addresses checked, cells trimmed, repeated people merged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from campaign_app.imports import limits
from campaign_app.imports.mapping import Column, Target
from campaign_app.imports.readers import Row
from campaign_app.lib import address

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]+")
MAX_NAME_CHARS = 200
HALVES = (Target.FIRST_NAME, Target.LAST_NAME)


@dataclass(slots=True)
class Person:
    """What one file says about one address: of repeated rows, the last non-empty values."""

    name: str
    attributes: dict[str, str]


@dataclass(slots=True)
class Rejected:
    """A row that cannot be imported, and why."""

    row: int
    column: str
    value: str
    reason: str


@dataclass(slots=True)
class Batch:
    """Some rows, ready for the database."""

    bytes_read: int = 0
    rows: int = 0
    """Rows that were not blank: the good, the repeated and the bad."""
    people: dict[str, Person] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)


class Preparer:
    """Knows the columns of one file and cuts its rows accordingly."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._width = len(columns)
        place = {column.target: index for index, column in enumerate(columns)}
        self._email = place[Target.EMAIL]
        self._email_header = columns[self._email].header
        self._name = place.get(Target.NAME)
        self._first = place.get(Target.FIRST_NAME)
        self._last = place.get(Target.LAST_NAME)
        self._attributes = list(_attribute_columns(columns))

    def batch(self, first_row: int, rows: Sequence[Row]) -> Batch:
        """The rows as people; `first_row` is the number of the first of them."""
        batch = Batch()
        width, email = self._width, self._email
        numbered = [(n, _pad(row, width)) for n, row in enumerate(rows, first_row) if any(row)]
        checked = address.normalise_many(row[email] for _, row in numbered)
        for (number, row), (found, problem) in zip(numbered, checked, strict=True):
            if found:
                self._add(batch.people, found, row)
            elif any(map(str.strip, row)):
                value = row[email][: limits.MAX_VALUE_CHARS]
                batch.rejected.append(Rejected(number, self._email_header, value, problem))
            else:
                continue  # a row of spaces is blank, too
            batch.rows += 1
        return batch

    def _add(self, people: dict[str, Person], email: str, row: Row) -> None:
        attributes = {
            key: value[: limits.MAX_VALUE_CHARS]
            for key, index in self._attributes
            if (value := row[index].strip())
        }
        name = self._name_of(row)
        known = people.get(email)
        if known is None:
            people[email] = Person(name, attributes)
        else:
            known.name = name or known.name
            known.attributes.update(attributes)

    def _name_of(self, row: Row) -> str:
        name = row[self._name].strip() if self._name is not None else ""
        if not name:
            halves = [row[i].strip() for i in (self._first, self._last) if i is not None]
            name = " ".join(filter(None, halves))
        # isprintable is the quick way past the rule: control characters could split a header.
        return (name if name.isprintable() else _one_line(name))[:MAX_NAME_CHARS]


def _attribute_columns(columns: Sequence[Column]) -> Iterator[tuple[str, int]]:
    """Attributes, and the halves of a name, too: `{{ first_name }}` is what letters begin with."""
    own_keys = {column.key for column in columns if column.target is Target.ATTRIBUTE}
    for index, column in enumerate(columns):
        if column.target is Target.ATTRIBUTE:
            yield column.key, index
        elif column.target in HALVES and column.target.value not in own_keys:
            yield column.target.value, index


def _pad(row: Row, width: int) -> Row:
    return row if len(row) >= width else row + [""] * (width - len(row))


def _one_line(name: str) -> str:
    return " ".join(_CONTROL.sub(" ", name).split())
