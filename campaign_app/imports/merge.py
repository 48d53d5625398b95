"""Batches of people into the database.

The addresses of a batch are looked up first. Whoever is new is copied straight into the table;
whoever is on the list already goes into a temporary one, from which a single statement updates what
differs, fills the groups, and writes down what an undo needs. A dry run takes the same way, but
looks only at what differs. Whoever is not subscribed keeps that status: nothing here names it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg2
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from campaign_app.imports import statements
from campaign_app.imports.prepare import Batch
from campaign_app.imports.seen import Seen
from campaign_app.lib.arrays import literal, text_literal

_COPY_BYTES = 256 * 1024
_DEADLOCK = "40P01"
_LOCK_KIND = 0x1ABE1
FEW = 1_000
"""People of a workspace who may be read for each address without anybody noticing."""


class Disturbed(Exception):
    """Somebody else wrote the same people at this moment: the batch must be done again."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What an import does to people."""

    workspace_id: int
    import_id: int
    group_ids: Sequence[int] = ()
    tags: Sequence[str] = ()
    existing: str = "overwrite"
    erased: Sequence[str] = ()
    """Attributes that an empty cell takes away."""
    erases_names: bool = False

    def as_values(self) -> dict[str, Any]:
        """The parameters of the statements."""
        return {
            "workspace_id": self.workspace_id,
            "import_id": self.import_id,
            "group_ids": literal(self.group_ids),
            "tags": text_literal(self.tags),
            "existing": self.existing,
            "erased": text_literal(self.erased),
            "erases_names": self.erases_names,
        }


@dataclass(frozen=True, slots=True)
class Merged:
    """What one batch changed, or would change. A person counts once per file, at the first row.

    The lists are places in the batch, from 0, of people who are met for the first time.
    """

    new: Sequence[int] = ()
    updated: int = 0
    differing: Sequence[int] = ()
    """Known only to a dry run."""
    suppressed: Sequence[int] = ()


@dataclass(slots=True)
class _Known:
    """Where people of a batch, by their places, are in the database already."""

    ids: dict[int, int]
    suppressed: Sequence[int] = field(default_factory=list)


class Merger:
    """Writes the batches of one import over one connection, and remembers whom it has met."""

    def __init__(self, connection: Connection, orders: Orders) -> None:
        self._connection = connection
        self._orders = orders
        self._values = orders.as_values()
        self._met = Seen()
        self._differing = Seen()
        self._since: datetime | None = None
        self._number = 0
        self._people = 0
        self._trusted_up_to = FEW

    def open(self) -> None:
        """Make the temporary table; it ends with the connection's session, or with `close`."""
        self._connection.execute(text(statements.TABLE))
        history = self._connection.execute(text(statements.HISTORY), self._values).one()
        self._since, self._number, self._people = history

    def close(self) -> None:
        """Drop the temporary table, because the connection goes back to a pool."""
        self._connection.execute(text("DROP TABLE IF EXISTS import_stage"))

    def meet(self, batch: Batch) -> None:
        """Note who of a batch is in the file for the first time; once for each batch."""
        batch.firsts = list(map(self._met.add, batch.emails))

    def merge(self, batch: Batch) -> Merged:
        """Add those who are new, and update those who are on the list as the orders say.

        Raises Disturbed: the caller rolls back and tries again.
        """
        if not batch.emails:
            return Merged()
        try:
            return self._merge(batch)
        except IntegrityError as error:
            raise Disturbed from error
        except DBAPIError as error:
            if is_deadlock(error):
                raise Disturbed from error
            raise

    def compare(self, batch: Batch) -> Merged:
        """What `merge` would do; nothing is written."""
        if not batch.emails:
            return Merged()
        take_turn(self._connection, self._orders.workspace_id)
        known = self._look_up(batch)
        self._stage(batch, known)
        row = self._connection.execute(text(statements.COMPARE), self._values).one()
        emails = batch.emails
        differing = [place for place in row.differing if self._differing.add(emails[place])]
        new = [p for p, first in enumerate(batch.firsts) if first and p not in known.ids]
        return Merged(new, len(differing), differing, known.suppressed)

    def _merge(self, batch: Batch) -> Merged:
        take_turn(self._connection, self._orders.workspace_id)
        known = self._look_up(batch)
        new = [place for place in range(len(batch.emails)) if place not in known.ids]
        made = self._insert(batch, new)
        self._stage(batch, known)
        values = {"made": literal(made), "number": self._number + 1, "since": self._since}
        row = self._connection.execute(text(statements.WRITE), self._values | values).one()
        if row.changed != row.differing:
            raise Disturbed
        self._number += 1
        self._people += len(new)
        return Merged(new, row.updated, (), known.suppressed)

    def _mind_the_plan(self) -> None:
        """See to it that addresses are looked up by their index.

        Every index of the table begins with the workspace. While the statistics say that it is
        empty, as after the undo of all there was, the smallest of them looks best, and for each
        address all people of the workspace would be read.
        """
        if self._people < self._trusted_up_to:
            return
        values = {"emails": "{}", "workspace_id": self._orders.workspace_id}
        plan = self._connection.scalars(text(statements.HOW_LOOKED_UP), values).all()
        if not any(statements.ADDRESS_INDEX in line for line in plan):
            self._connection.execute(text(statements.ANALYZE))
            self._trusted_up_to = 2 * self._people

    def _look_up(self, batch: Batch) -> _Known:
        self._mind_the_plan()
        values = {"emails": text_literal(batch.emails), "workspace_id": self._orders.workspace_id}
        row = self._connection.execute(text(statements.LOOK_UP), values).one()
        ids = {place - 1: found for place, found in zip(row.places, row.ids, strict=True)}
        suppressed = [place - 1 for place in row.suppressed if batch.firsts[place - 1]]
        return _Known(ids, sorted(suppressed))

    def _insert(self, batch: Batch, new: Sequence[int]) -> Sequence[int]:
        """Copy new people into the table, and give their ids."""
        if not new:
            return []
        ids: list[int] = self._connection.execute(
            text(statements.IDS), {"number": len(new)}
        ).scalar_one()
        orders, emails, texts = self._orders, batch.emails, batch.texts
        tags = self._values["tags"].replace("\\", "\\\\")
        end = f"{orders.workspace_id}\t{tags}\t{orders.import_id}\n"
        lines = [
            f"{own}\t{emails[place]}\t{texts[place]}\t{end}"
            for own, place in zip(ids, new, strict=True)
        ]
        columns = "id, email, name, attributes, workspace_id, tags, import_id"
        self._copy(f"COPY recipients ({columns}) FROM STDIN", lines)
        return ids

    def _stage(self, batch: Batch, known: _Known) -> None:
        """Put those who are on the list already into the temporary table."""
        self._connection.execute(text("TRUNCATE import_stage"))
        texts, firsts = batch.texts, batch.firsts
        self._copy(
            "COPY import_stage FROM STDIN",
            [
                f"{place}\t{own}\t{'tf'[not firsts[place]]}\t{texts[place]}\n"
                for place, own in known.ids.items()
            ],
        )

    def _copy(self, statement: str, lines: Sequence[str]) -> None:
        """PostgreSQL's text format: tabs between, backslashes doubled. No address holds either."""
        if not lines:
            return
        data = "".join(lines).encode()
        cursor = self._connection.connection.cursor()
        try:
            cursor.copy_expert(statement, io.BytesIO(data), _COPY_BYTES)
        except psycopg2.Error as error:  # the driver's own, past SQLAlchemy: one of SQLAlchemy's
            raise DBAPIError.instance(statement, None, error, psycopg2.Error) from error
        finally:
            cursor.close()


def take_turn(connection: Connection, workspace_id: int) -> None:
    """Begin a transaction that writes many of a workspace's people."""
    connection.execute(text(statements.BEGIN), {"kind": _LOCK_KIND, "workspace_id": workspace_id})


def is_deadlock(error: DBAPIError) -> bool:
    """Whether two writers waited for each other, and this one had to give way."""
    return getattr(error.orig, "pgcode", "") == _DEADLOCK
