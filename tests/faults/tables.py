"""Carillon's tables as a stranger sees them: plain SQL over a connection of its own each time.

Nothing here goes through the application, so neither its counters nor its connections can mislead.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg2
from psycopg2.extras import NamedTupleCursor


@dataclass(frozen=True, slots=True)
class Tables:
    """The database behind `url`; a restart of the server does not matter."""

    url: str

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Every row of a query, by column names. Parameters are written `%(name)s`."""
        with (
            closing(psycopg2.connect(self.url)) as connection,
            connection,
            connection.cursor(cursor_factory=NamedTupleCursor) as cursor,
        ):
            cursor.execute(statement, values)
            found: list[NamedTuple] = cursor.fetchall() if cursor.description else []
        return found

    def value(self, statement: str, **values: Any) -> Any:
        """The first column of the first row; None without a row."""
        rows = self.rows(statement, **values)
        return rows[0][0] if rows else None

    def insert(self, table: str, **values: Any) -> int:
        """A new row; gives its id."""
        names = ", ".join(values)
        places = ", ".join(f"%({name})s" for name in values)
        statement = f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING id"
        number: int = self.value(statement, **values)
        return number

    def copy(self, table: str, number: int, columns: str, **others: Any) -> int:
        """A new row with these columns of another one, and with others of its own; gives its id."""
        names = ", ".join(others)
        places = ", ".join(f"%({name})s" for name in others)
        statement = (
            f"INSERT INTO {table} ({names}, {columns}) SELECT {places}, {columns} FROM {table}"
            " WHERE id = %(number)s RETURNING id"
        )
        made: int = self.value(statement, number=number, **others)
        return made
