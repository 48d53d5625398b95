"""A gate in PostgreSQL: whoever writes a certain change waits there until it is opened.

So a row meets a worker exactly between two of its steps, however fast or slow the machine is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import connection

from tests.faults.scene import PATIENCE, SLOWER
from tests.faults.tables import Tables

KEY = 4_242
"""The advisory lock that is the gate: the test holds it, who passes shares it."""
_FUNCTION = f"""
    CREATE OR REPLACE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock_shared({KEY}); RETURN NEW; END $$
"""
_WAITING = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = %s"
)


@dataclass
class Gate:
    """The closed gate; it opens when its block ends, or at `open`."""

    _held: connection

    def wait(self, *, number: int = 1) -> None:
        """Wait until so many transactions stand before the gate."""
        deadline = time.monotonic() + PATIENCE * SLOWER
        while self._waiting() < number:
            assert time.monotonic() < deadline, "nobody came to the gate"
            time.sleep(0.02)

    def open(self) -> None:
        """Let everybody through, now and later."""
        with self._held.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")

    def _waiting(self) -> int:
        with self._held.cursor() as cursor:
            cursor.execute(_WAITING, (KEY,))
            row = cursor.fetchone()
        return int(row[0]) if row else 0


@contextmanager
def gate(tables: Tables, table: str, when: str, *, at_commit: bool = False) -> Iterator[Gate]:
    """Hold every UPDATE of `table` whose OLD and NEW fulfil `when`, or, `at_commit`, its commit."""
    kind = "CONSTRAINT TRIGGER gate AFTER" if at_commit else "TRIGGER gate BEFORE"
    delay = "DEFERRABLE INITIALLY DEFERRED" if at_commit else ""
    trigger = (
        f"CREATE {kind} UPDATE ON {table} {delay} FOR EACH ROW WHEN ({when})"
        " EXECUTE FUNCTION wait_at_gate()"
    )
    with closing(psycopg2.connect(tables.url)) as held:
        held.autocommit = True
        with held.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (KEY,))
            cursor.execute(_FUNCTION)
            cursor.execute(trigger)
        yield Gate(held)
