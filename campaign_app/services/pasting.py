"""Addresses pasted into a box: one to a line, with or without a name."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.lib import address
from campaign_app.lib.arrays import any_text
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId
from campaign_app.models.people import User
from campaign_app.models.recipients import Group, Recipient
from campaign_app.services import audit, group_joining, groups, recipients, suppressions
from campaign_app.services.consent import Why

MAX_LINES = 10_000
CELLS = re.compile(r"[\t,;|]")
BETWEEN = re.compile(r"(@[^\s,;@]+)\s*[;,]")
"""Ends an address, so that the comma in `Doe, Ann <ann@example.com>; Bo <…>` parts nobody."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that is no address, counted from 1."""

    line: int
    text: str
    message: str


@dataclass(frozen=True, slots=True)
class Pasted:
    """What became of a paste: `new` on the list, `joined` the group, `already` in it.

    The `refused` had left the group of their own will, and stay out of it.
    """

    new: int
    joined: int
    already: int
    refused: int
    suppressed: int
    problems: Sequence[Problem]


@dataclass(frozen=True, slots=True)
class TakenOut:
    """What became of a paste to remove: `left` the group, `absent` were not in it."""

    left: int
    absent: int
    problems: Sequence[Problem]


def paste(workspace: HasId, group: Group, *, text: str, user: User) -> Pasted:
    """Put every address of the text on the list and into the group, but for those erased.

    Raises Invalid for an empty text and for one of more than MAX_LINES lines.
    """
    lines = _few(text)
    people, problems = _read(lines)
    problems += _leave_out(lines, people, suppressions.erased(workspace, people))
    new = recipients.ensure(workspace, people, why=Why(f"Added by {user.name}", "page", user))
    joined = group_joining.join(workspace, group.id, _ids(workspace, people))
    if joined.number:
        summary = f"{user.name} added {joined.number:,} to the group “{group.name}”"
        audit.record(workspace, "group.filled", summary, user=user, subject_id=group.id)
    suppressed = len(suppressions.contains(workspace, people))
    already = len(people) - joined.number - joined.refused
    return Pasted(len(new), joined.number, already, joined.refused, suppressed, problems)


def take_out(workspace: HasId, group: Group, *, text: str, user: User) -> TakenOut:
    """Take every address of the text out of the group; it stays on the list. Raises as `paste`."""
    people, problems = _read(_few(text))
    left = groups.leave(workspace, group, _ids(workspace, people))
    if left:
        summary = f"{user.name} removed {left:,} from the group “{group.name}”"
        audit.record(workspace, "group.emptied", summary, user=user, subject_id=group.id)
    return TakenOut(left, len(people) - left, problems)


def as_table(text: str) -> str:
    """The pasted lines as a CSV file of addresses and names; a table stays as it is.

    A line without an address, among people and without cells, becomes a row: the check tells of it.
    Raises Invalid, with field "pasted", for more than MAX_LINES lines.
    """
    lines = list(_lines(text))
    if len(lines) > MAX_LINES:
        raise Invalid(f"That is more than {MAX_LINES:,} lines: upload a file.", field="pasted")
    people = [(number, part, _person(part)) for number, part in lines]
    if _is_table(people):
        return text
    file = io.StringIO()
    rows = (person or (part, "") for _, part, person in people)
    csv.writer(file).writerows([("email", "name"), *rows])
    return file.getvalue()


def _is_table(people: Sequence[tuple[int, str, tuple[str, str] | None]]) -> bool:
    """Whether it begins with a header, or any line without a person has cells."""
    parts = Counter(number for number, _, _ in people)
    strays = [(number, part) for number, part, person in people if not person]
    headed = bool(people) and people[0][2] is None
    return headed or any(parts[number] > 1 or CELLS.search(part) for number, part in strays)


def _person(text: str) -> tuple[str, str] | None:
    """Address and name of somebody who stands alone in a line; None for a row of a table."""
    name, rest = address.parted(text)
    if rest != text:
        return rest, name
    return (text, "") if "@" in text and not re.search(r"[\s,;|]", text) else None


def _few(text: str) -> list[tuple[int, str]]:
    lines = list(_lines(text))
    if not lines:
        raise Invalid("Paste at least one address.", field="addresses")
    if len(lines) > MAX_LINES:
        raise Invalid(f"That is more than {MAX_LINES:,} lines: upload a file.", field="addresses")
    return lines


def _ids(workspace: HasId, emails: Collection[str]) -> Sequence[int]:
    return db.session.scalars(
        select(Recipient.id).where(
            Recipient.workspace_id == workspace.id, Recipient.email == any_text(emails)
        )
    ).all()


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The filled lines with their numbers; a line may hold several addresses."""
    for number, line in enumerate(text.splitlines(), start=1):
        several = line.count("@") > 1
        for part in BETWEEN.sub(r"\1\n", line).split("\n") if several else [line]:
            if filled := part.strip(" \t;,"):
                yield number, filled


def _read(lines: Sequence[tuple[int, str]]) -> tuple[dict[str, str], list[Problem]]:
    """Names by address, the first name of an address winning; and what is no address."""
    people: dict[str, str] = {}
    problems: list[Problem] = []
    for number, text in lines:
        name, raw = address.parted(text)
        normal, message = address.check(raw)
        if message:
            problems.append(Problem(number, text[:200], message))
        else:
            people[normal] = people.get(normal) or name[: recipients.MAX_NAME]
    return people, problems


def _leave_out(
    lines: Sequence[tuple[int, str]], people: dict[str, str], erased: Collection[str]
) -> list[Problem]:
    """Take those people out again, and say of each line why."""
    for email in erased:
        del people[email]
    return [
        Problem(number, text[:200], suppressions.ERASED)
        for number, text in (lines if erased else ())
        if address.check(address.parted(text)[1])[0] in erased
    ]
