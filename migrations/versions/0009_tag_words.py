"""Tags are found by a search for words, so a change of tags asks for its words to be indexed."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NOTED = """
CREATE FUNCTION note_changed_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tallies (workspace_id, status, number)
    SELECT workspace_id, status, sum(number) FROM (
        SELECT workspace_id, status, -1 AS number FROM before
        UNION ALL SELECT workspace_id, status, 1 FROM after) AS moved
    GROUP BY workspace_id, status HAVING sum(number) <> 0;
    INSERT INTO tallies (workspace_id, tag, number)
    SELECT workspace_id, tag, sum(number) FROM (
        SELECT workspace_id, -1 AS number, unnest(tags) AS tag FROM before
        UNION ALL SELECT workspace_id, 1, unnest(tags) FROM after) AS moved
    GROUP BY workspace_id, tag HAVING sum(number) <> 0;
    INSERT INTO unindexed_recipients (workspace_id, recipient_ids, number)
    SELECT workspace_id, array_agg(id), count(*)
    FROM (SELECT a.workspace_id, a.id, (row_number() OVER () - 1) / 5000 AS piece
          FROM after AS a JOIN before AS b USING (id)
          WHERE (a.email, a.name, a.tags, a.attributes)
                IS DISTINCT FROM (b.email, b.name, b.tags, b.attributes)) AS c
    GROUP BY workspace_id, piece;
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER note_recipients_update AFTER UPDATE ON recipients
REFERENCING OLD TABLE AS before NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION {function}()
"""
DROP = "DROP TRIGGER note_recipients_update ON recipients"


def upgrade() -> None:
    """Apply."""
    op.execute(NOTED)
    op.execute(DROP)
    op.execute(TRIGGER.format(function="note_changed_recipients"))


def downgrade() -> None:
    """Undo."""
    op.execute(DROP)
    op.execute(TRIGGER.format(function="note_recipients"))
    op.execute("DROP FUNCTION note_changed_recipients()")
