"""Whoever has tags is queued once, so that a search for words finds them by their tags."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

QUEUE_TAGGED = """
INSERT INTO unindexed_recipients (workspace_id, recipient_ids, number)
SELECT workspace_id, array_agg(id), count(*)
FROM (SELECT workspace_id, id,
             (row_number() OVER (PARTITION BY workspace_id ORDER BY id) - 1) / 5000 AS piece
      FROM recipients WHERE tags <> '{}') AS numbered
GROUP BY workspace_id, piece
"""


def upgrade() -> None:
    """Apply; not within 0009, which keeps everybody out of the table that this reads through."""
    op.execute("SET LOCAL statement_timeout = '5min'")
    op.execute(QUEUE_TAGGED)


def downgrade() -> None:
    """Undo nothing: to be indexed again does no harm."""
