"""What PostgreSQL knows about its tables: how updates went, and how much room rows take."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import text

from campaign_app.extensions import db

IDLE_SECONDS = 10.5
"""A connection that falls idle tells its last numbers ten seconds later (PGSTAT_IDLE_INTERVAL)."""

_UPDATES = text(
    """
    SELECT n_tup_upd AS updates, n_tup_hot_upd AS hot, pg_table_size(relid) AS heap,
           pg_indexes_size(relid) AS indexes
    FROM pg_stat_user_tables WHERE relname = :name
    """
)


@dataclass(frozen=True)
class Table:
    """A table's updates so far, and its bytes now."""

    updates: int
    hot: int
    heap: int
    indexes: int

    def since(self, before: Table) -> str:
        """In words: what has changed since `before`."""
        updates, hot = self.updates - before.updates, self.hot - before.hot
        share = f"{hot / updates:4.0%} HOT" if updates else "none"
        grown = self.heap - before.heap, self.indexes - before.indexes
        size = f"{grown[0] / 1e6:,.1f} MB of rows, {grown[1] / 1e6:,.1f} MB of indexes"
        return f"{updates:>11,} updates ({share}); grown by {size}"


def look(*names: str, settle: bool = False) -> dict[str, Table]:
    """The tables as they are; with `settle`, when every connection has told its numbers."""
    if settle:
        time.sleep(IDLE_SECONDS)
    db.session.rollback()
    found = {name: Table(*db.session.execute(_UPDATES, {"name": name}).one()) for name in names}
    db.session.rollback()
    return found
