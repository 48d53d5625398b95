"""Which column is what: guessed from headers and values, corrected by a person, checked here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from campaign_app.imports import headers
from campaign_app.imports.dialects import EMAIL
from campaign_app.lib.errors import Invalid
from campaign_app.services.attributes import KEY, MAX_KEY, MAX_PAIRS, RESERVED


class Target(StrEnum):
    """What a column becomes."""

    EMAIL = "email"
    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    ATTRIBUTE = "attribute"
    IGNORE = "ignore"


LABELS: dict[Target, str] = {
    Target.EMAIL: "E-mail address",
    Target.NAME: "Name",
    Target.FIRST_NAME: "First name",
    Target.LAST_NAME: "Last name",
    Target.ATTRIBUTE: "Attribute",
    Target.IGNORE: "Leave out",
}
ONCE = (Target.EMAIL, Target.NAME, Target.FIRST_NAME, Target.LAST_NAME)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file and what it becomes; `key` names an attribute's merge field."""

    header: str
    target: Target
    key: str = ""

    def as_entry(self) -> dict[str, Any]:
        """The same as plain values, ready for the `mapping` column."""
        return asdict(self)


def from_entries(entries: Sequence[dict[str, Any]]) -> list[Column]:
    """Rebuild what `as_entry` stored."""
    return [Column(entry["header"], Target(entry["target"]), entry["key"]) for entry in entries]


def guess(names: Sequence[str], samples: Sequence[Sequence[str]]) -> list[Column]:
    """Propose a meaning for each column, from its name and up to a hundred of its values."""
    plain = [headers.plain(name) for name in names]
    targets: dict[int, Target] = {}
    email = _email_column(plain, samples)
    if email is not None:
        targets[email] = Target.EMAIL
    for index, target in _name_columns(plain):
        if index not in targets and target not in targets.values():
            targets[index] = target
    columns: list[Column] = []
    for index, name in enumerate(names):
        kept = any(samples[index]) and len(columns) < MAX_PAIRS
        target = targets.get(index, Target.ATTRIBUTE if kept else Target.IGNORE)
        key = _free_key(name, index, columns) if target is Target.ATTRIBUTE else ""
        columns.append(Column(name, target, key))
    return columns


def learn(proposal: Sequence[Column], former: Sequence[Column]) -> list[Column]:
    """The proposal, with each column that the former list had, too, matched as it was there.

    Headers are compared without case, accents and signs. What is learned takes precedence: a mere
    guess that would claim the same target or name gives way.
    """
    known = {headers.plain(column.header): column for column in former}
    learned = [known.get(headers.plain(column.header)) for column in proposal]
    claimed = {column.target for column in learned if column and column.target in ONCE}
    keys = [column for column in learned if column and column.key]
    columns: list[Column] = []
    for index, (guessed, sure) in enumerate(zip(proposal, learned, strict=True)):
        if sure and not _is_taken(sure, columns):
            columns.append(Column(guessed.header, sure.target, sure.key))
        elif guessed.target is Target.ATTRIBUTE or guessed.target in claimed:
            key = _free_key(guessed.header, index, [*columns, *keys])
            columns.append(Column(guessed.header, Target.ATTRIBUTE, key))
        else:
            columns.append(guessed)
    return columns


def is_same_header(proposal: Sequence[Column], former: Sequence[Column]) -> bool:
    """Whether the columns are exactly those of the former list: there is nothing to ask then."""
    return bool(former) and [one.header for one in proposal] == [one.header for one in former]


def keys_of(columns: Sequence[Column]) -> list[str]:
    """The merge field each column has, or would have if it became an attribute."""
    return [
        column.key or headers.attribute_key(column.header) or f"column_{number}"
        for number, column in enumerate(columns, 1)
    ]


def check(columns: Sequence[Column]) -> None:
    """Raise errors.Invalid, naming the column, unless these columns can be imported."""
    targets = [column.target for column in columns]
    if Target.EMAIL not in targets:
        raise Invalid("Choose the column that holds the e-mail addresses.", field="mapping")
    for target in ONCE:
        if targets.count(target) > 1:
            second = targets.index(target, targets.index(target) + 1)
            message = f"Two columns are matched to “{LABELS[target]}”. Choose one of them."
            raise Invalid(message, field=f"column-{second}")
    if targets.count(Target.ATTRIBUTE) > MAX_PAIRS:
        message = f"A recipient can have {MAX_PAIRS} attributes. Leave out some columns."
        raise Invalid(message, field="mapping")
    seen: dict[str, str] = {}
    for index, column in enumerate(columns):
        if column.target is Target.ATTRIBUTE:
            _check_key(column, index, seen)


def _check_key(column: Column, index: int, seen: dict[str, str]) -> None:
    field = f"column-{index}"
    if not column.key:
        raise Invalid(f"Give the attribute of “{column.header}” a name.", field=field)
    if not KEY.fullmatch(column.key) or len(column.key) > MAX_KEY:
        raise Invalid("Begin with a letter; use only A to Z, digits and underscores.", field=field)
    if column.key in RESERVED:
        message = f"“{column.key}” already has a meaning. Choose another name for the attribute."
        raise Invalid(message, field=field)
    if column.key in seen:
        message = f"“{seen[column.key]}” and “{column.header}” would share the name {column.key}."
        raise Invalid(message, field=field)
    seen[column.key] = column.header


def _email_column(plain: Sequence[str], samples: Sequence[Sequence[str]]) -> int | None:
    """The column with the most addresses; between equals, the one whose header says so."""
    scores = [
        _share_of_addresses(samples[index]) + 0.3 * (name in headers.EMAIL_NAMES)
        for index, name in enumerate(plain)
    ]
    best = max(range(len(scores)), key=lambda index: scores[index], default=None)
    return best if best is not None and scores[best] >= 0.3 else None


def _share_of_addresses(values: Sequence[str]) -> float:
    filled = [value.strip() for value in values if value.strip()]
    return sum(map(_likeness, filled)) / len(filled) if filled else 0


def _likeness(value: str) -> float:
    """1 for an address, less for several in one cell: the check will tell of them."""
    return 1 if EMAIL.fullmatch(value) else 0.4 if value.count("@") > 1 else 0


def _name_columns(plain: Sequence[str]) -> list[tuple[int, Target]]:
    has_first = any(name in headers.FIRST_NAMES for name in plain)
    has_last = any(name in headers.LAST_NAMES for name in plain)
    found = []
    for index, name in enumerate(plain):
        if name in headers.FIRST_NAMES:
            found.append((index, Target.FIRST_NAME))
        elif name in headers.LAST_NAMES:
            found.append((index, Target.LAST_NAME))
        elif name in headers.FULL_NAMES or name in headers.AMBIGUOUS:
            found.append((index, _full_or_half(name, has_first, has_last)))
    return found


def _full_or_half(name: str, has_first: bool, has_last: bool) -> Target:
    """`Name` beside `Vorname` is the surname; `nome` beside `cognome` is the first name."""
    if has_first and not has_last and name in headers.HALF_NAMES:
        return Target.LAST_NAME
    if has_last and not has_first and name in headers.HALF_NAMES:
        return Target.FIRST_NAME
    return Target.NAME


def _is_taken(column: Column, columns: Sequence[Column]) -> bool:
    """Two columns of a file may look like one of the former list."""
    return any(
        (column.target in ONCE and one.target is column.target)
        or (column.key and one.key == column.key)
        for one in columns
    )


def _free_key(name: str, index: int, columns: Sequence[Column]) -> str:
    taken = {column.key for column in columns} | RESERVED
    base = headers.attribute_key(name) or f"column_{index + 1}"
    key, copy = base, 2
    while key in taken:
        key, copy = f"{base}_{copy}", copy + 1
    return key
