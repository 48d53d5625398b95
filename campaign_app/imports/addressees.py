"""Whom each row of a file is for: the column of addresses, read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import compress
from urllib.parse import unquote

from sqlalchemy import Connection, select

from campaign_app.lib import address
from campaign_app.models.recipients import Suppression

_LINK = re.compile(r".*mailto:\s*([^?\s<>()\[\]]+).*", re.IGNORECASE | re.DOTALL)
# With one @ alone, so that a cell of a hundred thousand is read once and not for each of them.
_ASIDE = re.compile(r"([^()@]*)\(\s*([^()\s@]+@[^()\s@]+)\s*\)\s*")
_REMARKED = re.compile(r"\s*([^()\s@]+@[^()\s@]+)\s*\(([^()@]*)\)\s*")
_NEXT = " ::: "
"""Google Contacts puts a person's further addresses after it."""
_AROUND = " \t\r\n\"'`´‘’‚“”„«».,;:"  # noqa: RUF001 - what clings to addresses
"""What clings to an address that was cut out of a sentence, a list or a program."""
ERASED = "The data of this person was erased, so the import leaves them out."
ERASED_REMEDY = "Take the row out of your file. They can come back by signing up themselves."


@dataclass(frozen=True, slots=True)
class Addressees:
    """One address for each row, "" for a row that has none or that must be left out."""

    emails: list[str]
    names: dict[int, str] = field(default_factory=dict)
    """Of `Ana Lee <ana@example.com>`, what stood before the address, by the row's place."""
    erased: dict[int, str] = field(default_factory=dict)
    """Whose data was erased: enough of the address to know the row by, by its place."""


def erased_hashes(connection: Connection, workspace_id: int) -> frozenset[bytes]:
    """The hashes of the addresses that an import must not bring back."""
    query = select(Suppression.email_hash).where(
        Suppression.workspace_id == workspace_id, Suppression.email.is_(None)
    )
    return frozenset(connection.scalars(query))


def read(cells: Sequence[str], *, erased: Collection[bytes] = ()) -> Addressees:
    """Read a column of addresses; who is among the `erased` is left out."""
    found = Addressees(address.normal_forms(cells))
    if "" in found.emails:
        _read_named(cells, found)
    if "\n'" in "\n" + "\n".join(found.emails):  # a spreadsheet's mark of a text
        found.emails[:] = map(_unmarked, found.emails)
    if erased:
        _leave_out(erased, found)
    return found


def explained(cell: str) -> tuple[str, str]:
    """What is wrong with a cell that holds no address, and what to do about it."""
    return address.explain(_parted(cell)[1])


def _parted(cell: str) -> tuple[str, str]:
    """The name and the address of a cell: a link, `Ana (ana@example.com)`, `ana@example.com (Ana)`,
    or an address in wide letters, quotes, or marks that nobody sees.
    """
    name, rest = address.parted(cell.partition(_NEXT)[0])
    if link := _LINK.fullmatch(rest):
        rest = unquote(link[1])
    elif aside := _ASIDE.fullmatch(rest):
        name, rest = aside.groups()
    elif remarked := _REMARKED.fullmatch(rest):
        rest, name = remarked.groups()
    seen = (
        char for char in unicodedata.normalize("NFKC", rest) if unicodedata.category(char) != "Cf"
    )
    return name.strip(), "".join(seen).strip(_AROUND)


def _read_named(cells: Sequence[str], found: Addressees) -> None:
    for place in compress(range(len(cells)), (not email for email in found.emails)):
        name, rest = _parted(cells[place])
        if rest != cells[place]:
            found.emails[place] = address.check(rest)[0]
            found.names[place] = name


def _unmarked(email: str) -> str:
    return address.check(email.lstrip("'"))[0] if email.startswith("'") else email


def _leave_out(erased: Collection[bytes], found: Addressees) -> None:
    for place, email in enumerate(found.emails):
        if email and address.digest(email) in erased:
            found.erased[place] = address.masked(email)
            found.emails[place] = ""
