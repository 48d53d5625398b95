"""Batches of people into the database, in set-based SQL: one COPY and one statement each."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from campaign_app.imports.prepare import Person
from campaign_app.imports.seen import Seen

_TABLE = """
CREATE TEMP TABLE import_stage (email text COLLATE "C", name text, attributes jsonb, first boolean)
"""

# Imports of one workspace take turns by batches: two that name the same people in different order
# would lock each other's rows. A limit on statements is meant for pages, not for batches.
_BEGIN = """
SELECT set_config('statement_timeout', '0', true),
       pg_advisory_xact_lock(:kind, hashint8(:workspace_id))
"""
_LOCK_KIND = 0x1ABE1

# LATERAL … LIMIT looks each address up by the index; a join, planned on the statistics of a table
# that was empty a minute ago, reads the whole workspace for every batch. Whoever is not subscribed
# keeps that status: no part names the column.
_MERGE = """
WITH existing AS MATERIALIZED (
  SELECT s.email, r.id, r.status <> 'subscribed' AS left_us, r.updated_at,
         (s.name <> '' AND s.name <> r.name) OR NOT r.attributes @> s.attributes AS differs
  FROM import_stage s CROSS JOIN LATERAL (
    SELECT id, status, name, attributes, updated_at FROM recipients
    WHERE workspace_id = :workspace_id AND email = s.email LIMIT 1
  ) r
), written AS (
  INSERT INTO recipients AS r (workspace_id, email, name, attributes)
  SELECT :workspace_id, s.email, s.name, s.attributes
  FROM import_stage s LEFT JOIN existing e USING (email) WHERE e.id IS NULL OR e.differs
  ON CONFLICT (workspace_id, email) DO UPDATE
  SET name = CASE WHEN excluded.name = '' THEN r.name ELSE excluded.name END,
      attributes = r.attributes || excluded.attributes, updated_at = now()
  RETURNING r.id, r.email, xmax = 0 AS made
), joined AS (
  INSERT INTO group_members (workspace_id, group_id, recipient_id)
  SELECT :workspace_id, g.id, p.id
  FROM groups g, (SELECT id FROM existing UNION SELECT id FROM written) p
  WHERE g.workspace_id = :workspace_id AND g.id = ANY(:group_ids)
  ON CONFLICT DO NOTHING
)
SELECT
  count(*) FILTER (WHERE s.first) AS people,
  count(*) FILTER (WHERE w.made) AS new,
  count(*) FILTER (WHERE NOT w.made AND (s.first OR e.updated_at < :since)) AS updated,
  count(*) FILTER (WHERE s.first AND (e.left_us OR EXISTS (
    SELECT FROM suppressions p WHERE p.workspace_id = :workspace_id AND p.email = s.email
  ))) AS suppressed
FROM import_stage s LEFT JOIN existing e USING (email) LEFT JOIN written w USING (email)
"""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Merged:
    """What one batch changed. A person counts once per file, at the first row."""

    people: int = 0
    new: int = 0
    updated: int = 0
    suppressed: int = 0


class Merger:
    """Writes the batches of one import over one connection, and remembers whom it has met.

    Whoever was changed later than `since`, when the file was uploaded, has been counted.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        workspace_id: int,
        group_ids: Iterable[int],
        since: datetime,
    ) -> None:
        self._connection = connection
        self._seen = Seen()
        self._values = {
            "workspace_id": workspace_id,
            "group_ids": list(group_ids),
            "since": since,
        }

    def open(self) -> None:
        """Make the temporary table; it ends with the connection's session, or with `close`."""
        self._connection.execute(text(_TABLE))

    def close(self) -> None:
        """Drop the temporary table, because the connection goes back to a pool."""
        self._connection.execute(text("DROP TABLE IF EXISTS import_stage"))

    def replay(self, people: Iterable[str]) -> None:
        """Remember people whom an earlier run of this import has written already."""
        for email in people:
            self._seen.add(email)

    def merge(self, people: dict[str, Person]) -> Merged:
        """Write people: new ones are added, known ones updated by what the file says of them.

        An empty cell keeps what is stored. Nobody's status changes.
        """
        if not people:
            return Merged()
        turn = {"kind": _LOCK_KIND, "workspace_id": self._values["workspace_id"]}
        self._connection.execute(text(_BEGIN), turn)
        cursor = self._connection.connection.cursor()
        cursor.execute("TRUNCATE import_stage")
        lines = io.StringIO("".join(self._copy_lines(people)))
        cursor.copy_expert("COPY import_stage FROM STDIN", lines)
        cursor.close()
        row = self._connection.execute(text(_MERGE), self._values).one()
        return Merged(row.people, row.new, row.updated, row.suppressed)

    def _copy_lines(self, people: dict[str, Person]) -> Iterator[str]:
        """PostgreSQL's text format: tabs between, backslashes doubled; JSON has no raw tab."""
        new = self._seen.add
        for email, person in people.items():
            attributes = _encode(person.attributes)
            line = f"{email}\t{person.name}\t{attributes}\t{'t' if new(email) else 'f'}\n"
            yield line.replace("\\", "\\\\") if "\\" in line else line
