"""Batches of people into the database.

The addresses of a batch are looked up first. Whoever is new is copied straight into the table;
whoever is on the list already goes into a temporary one, from which a single statement updates what
differs, fills the groups, and writes down what an undo needs. A dry run takes the same way, but
looks only at what differs. Whoever is not subscribed keeps that status: nothing here names it.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

_COPY_BYTES = 1024 * 1024
_IN_THE_WAY = ("40P01", "55P03")
"""Deadlock detected, lock not available (PostgreSQL's appendix A)."""
_LOCK_KIND = 0x1ABE1
FEW = 1_000
"""People of a workspace who may be read for each address without anybody noticing."""
SLOW_SECONDS = 0.3
"""Several times what looking a batch's addresses up takes by their index."""


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
class Written:
    """How many people a batch changed, or would. Each counts once per file, at the first row."""

    new: int = 0
    updated: int = 0
    suppressed: int = 0

    def __add__(self, other: Written) -> Written:
        """Both together."""
        suppressed = self.suppressed + other.suppressed
        return Written(self.new + other.new, self.updated + other.updated, suppressed)


@dataclass(frozen=True, slots=True)
class Compared:
    """Who of a batch would be changed: places in it, from 0, of people met for the first time."""

    new: Sequence[int] = ()
    differing: Sequence[int] = ()
    suppressed: Sequence[int] = ()

    @property
    def counts(self) -> Written:
        """How many these are."""
        return Written(len(self.new), len(self.differing), len(self.suppressed))


@dataclass(slots=True)
class _Known:
    """Where people of a batch, by their places, are in the database already."""

    ids: dict[int, int]
    suppressed: Sequence[int] = field(default_factory=list)
    fresh: Sequence[int] = ()
    """Ids for the others."""


class Merger:
    """Writes the batches of one import, or half of each, over one connection.

    The caller begins each transaction (`take_turn` or `begin`) and commits it.
    """

    def __init__(self, connection: Connection, orders: Orders) -> None:
        self.connection = connection
        self._orders = orders
        self._values = orders.as_values()
        self._differing = Seen()
        self._since: datetime | None = None
        self._last_written = 0
        self._people = 0
        self._is_plan_trusted = False

    @contextmanager
    def ready(self) -> Iterator[None]:
        """With the temporary table, which goes because the connection returns to a pool."""
        self.connection.execute(text(statements.TABLE))
        history = self.connection.execute(text(statements.HISTORY), self._values).one()
        self._since, self._last_written, self._people = history
        self.connection.commit()
        try:
            yield
        finally:
            self.connection.rollback()
            self.connection.execute(text("DROP TABLE IF EXISTS import_stage"))
            self.connection.commit()

    def written(self, number: int) -> Written | None:
        """What is in the database of the half batch with this number; None: nothing yet."""
        if number > self._last_written:
            return None
        values = self._values | {"number": number}
        row = self.connection.execute(text(statements.WRITTEN), values).one_or_none()
        return Written(*row) if row else None

    def merge(self, batch: Batch, number: int, *, is_noted: bool = False) -> Written:
        """Add those who are new, and update those who are on the list as the orders say.

        `number` is what an undo goes by, and above that of all batches before. With `is_noted`,
        `written` will know of it even if nothing changes. Raises Disturbed: the caller rolls back
        and tries again.
        """
        if not batch.emails and not is_noted:
            return Written()
        with disturbances():
            return self._merge(batch, {"number": number, "is_noted": is_noted})

    def compare(self, batch: Batch) -> Compared:
        """What `merge` would do; nothing is written."""
        if not batch.emails:
            return Compared()
        known = self._look_up(batch, statements.LOOK_UP)
        self._stage(batch, known)
        row = self.connection.execute(text(statements.COMPARE), self._values).one()
        emails = batch.emails
        differing = [place for place in row.differing if self._differing.add(emails[place])]
        new = [p for p, first in enumerate(batch.firsts) if first and p not in known.ids]
        return Compared(new, differing, known.suppressed)

    def _merge(self, batch: Batch, noted: dict[str, Any]) -> Written:
        known = self._look_up(batch, statements.LOOK_UP_AND_NUMBER)
        new = [place for place in range(len(batch.emails)) if place not in known.ids]
        self._insert(batch, new, known.fresh)
        self._stage(batch, known)
        values = {
            "made": literal(known.fresh),
            "since": self._since,
            "suppressed": len(known.suppressed),
        }
        row = self.connection.execute(text(statements.WRITE), self._values | values | noted).one()
        if row.changed != row.differing:
            raise Disturbed
        self._people += len(new)
        self._last_written = max(self._last_written, noted["number"])
        return Written(len(new), row.updated, len(known.suppressed))

    def mind_the_plan(self) -> None:
        """See to it that addresses are looked up by their index; a transaction of its own.

        Every index of the table begins with the workspace. While the statistics say that it is
        empty, as after the undo of all there was, the smallest of them looks best, and for each
        address all people of the workspace would be read. Asked once there are enough of them, and
        whenever looking addresses up has become slow.
        """
        if self._is_plan_trusted or self._people < FEW:
            return
        begin(self.connection)
        values = {"emails": "{}", "workspace_id": self._orders.workspace_id}
        plan = self.connection.scalars(text(statements.HOW_LOOKED_UP), values).all()
        if not any(statements.ADDRESS_INDEX in line for line in plan):
            self.connection.execute(text(statements.ANALYZE))
        self._is_plan_trusted = True
        self.connection.commit()

    def _look_up(self, batch: Batch, statement: str) -> _Known:
        values = {"emails": text_literal(batch.emails), "workspace_id": self._orders.workspace_id}
        began = time.monotonic()
        row = self.connection.execute(text(statement), values).one()
        if time.monotonic() - began > SLOW_SECONDS:
            self._is_plan_trusted = False
        ids = {place - 1: found for place, found in zip(row.places, row.ids, strict=True)}
        suppressed = [place - 1 for place in row.suppressed if batch.firsts[place - 1]]
        return _Known(ids, sorted(suppressed), row.fresh)

    def _insert(self, batch: Batch, new: Sequence[int], ids: Sequence[int]) -> None:
        """Copy new people into the table, with these ids."""
        orders, emails, texts = self._orders, batch.emails, batch.texts
        tags = self._values["tags"].replace("\\", "\\\\")
        end = f"{orders.workspace_id}\t{tags}\t{orders.import_id}\n"
        lines = [
            f"{own}\t{emails[place]}\t{texts[place]}\t{end}"
            for own, place in zip(ids, new, strict=True)
        ]
        columns = "id, email, name, attributes, workspace_id, tags, import_id"
        self._copy(f"COPY recipients ({columns}) FROM STDIN", lines)

    def _stage(self, batch: Batch, known: _Known) -> None:
        """Put those who are on the list already into the temporary table, until the commit."""
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
        cursor = self.connection.connection.cursor()
        try:
            cursor.copy_expert(statement, io.BytesIO(data), _COPY_BYTES)
        except psycopg2.Error as error:  # the driver's own, past SQLAlchemy: one of SQLAlchemy's
            raise DBAPIError.instance(statement, None, error, psycopg2.Error) from error
        finally:
            cursor.close()


def take_turn(connection: Connection, workspace_id: int) -> None:
    """Begin a transaction that writes many of a workspace's people."""
    values = {"kind": _LOCK_KIND, "workspace_id": workspace_id, "lock_timeout": "0"}
    connection.execute(text(statements.TAKE_TURN), values)


def begin(connection: Connection, *, lock_seconds: float = 0) -> None:
    """Begin a transaction about thousands of people without taking turns.

    It waits for a lock so many seconds, or (0) as long as that takes.
    """
    milliseconds = str(round(lock_seconds * 1000))
    connection.execute(text(statements.BEGIN), {"lock_timeout": milliseconds})


def renew_statistics(connection: Connection) -> None:
    """Let PostgreSQL know at once whom a workspace has now; it would look within some minutes."""
    begin(connection)
    connection.execute(text(statements.ANALYZE_ALL))
    connection.commit()


@contextmanager
def disturbances() -> Iterator[None]:
    """Turn the database's complaints about somebody else's writing into Disturbed."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error, IntegrityError) or getattr(error.orig, "pgcode", "") in _IN_THE_WAY:
            raise Disturbed from error
        raise
