"""Words of recipients to search by, counts that are always exact, bulk actions and their undo."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ACTIONS = ("join", "leave", "tag", "untag", "unsubscribe", "resubscribe", "suppress", "delete")
STATES = ("waiting", "running", "done", "stopped", "failed", "undoing", "undone")

COUNT_MEMBERS = """
CREATE FUNCTION count_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO tallies (workspace_id, group_id, number)
        SELECT workspace_id, group_id, -count(*) FROM before GROUP BY workspace_id, group_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO tallies (workspace_id, group_id, number)
        SELECT workspace_id, group_id, count(*) FROM after GROUP BY workspace_id, group_id;
    END IF;
    RETURN NULL;
END $$
"""
# One statement's ids in pieces of 5,000, which is what the indexer takes at once.
NOTE_RECIPIENTS = """
CREATE FUNCTION note_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO tallies (workspace_id, status, number)
        SELECT workspace_id, status, count(*) FROM after GROUP BY workspace_id, status;
        INSERT INTO tallies (workspace_id, tag, number)
        SELECT workspace_id, tag, count(*) FROM after, unnest(tags) AS tag
        GROUP BY workspace_id, tag;
        INSERT INTO unindexed_recipients (workspace_id, recipient_ids, number)
        SELECT workspace_id, array_agg(id), count(*)
        FROM (SELECT workspace_id, id, (row_number() OVER () - 1) / 5000 AS piece FROM after) AS a
        GROUP BY workspace_id, piece;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO tallies (workspace_id, status, number)
        SELECT workspace_id, status, -count(*) FROM before GROUP BY workspace_id, status;
        INSERT INTO tallies (workspace_id, tag, number)
        SELECT workspace_id, tag, -count(*) FROM before, unnest(tags) AS tag
        GROUP BY workspace_id, tag;
        INSERT INTO unindexed_recipients (workspace_id, recipient_ids, number)
        SELECT workspace_id, array_agg(id), count(*)
        FROM (SELECT workspace_id, id, (row_number() OVER () - 1) / 5000 AS piece FROM before) AS b
        GROUP BY workspace_id, piece;
    ELSE
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
              WHERE (a.email, a.name, a.attributes)
                    IS DISTINCT FROM (b.email, b.name, b.attributes)) AS c
        GROUP BY workspace_id, piece;
    END IF;
    RETURN NULL;
END $$
"""
TABLES = {
    "INSERT": "NEW TABLE AS after",
    "UPDATE": "OLD TABLE AS before NEW TABLE AS after",
    "DELETE": "OLD TABLE AS before",
}
TRIGGERS = {"group_members": "count_members", "recipients": "note_recipients"}

# What is there already: the triggers' locks keep writers out until the end.
COUNT_ALL = """
INSERT INTO tallies (workspace_id, group_id, number)
SELECT workspace_id, group_id, count(*) FROM group_members GROUP BY workspace_id, group_id
"""
COUNT_STATUSES = """
INSERT INTO tallies (workspace_id, status, number)
SELECT workspace_id, status, count(*) FROM recipients GROUP BY workspace_id, status
"""
COUNT_TAGS = """
INSERT INTO tallies (workspace_id, tag, number)
SELECT workspace_id, tag, count(*) FROM recipients, unnest(tags) AS tag GROUP BY workspace_id, tag
"""
QUEUE_ALL = """
INSERT INTO unindexed_recipients (workspace_id, recipient_ids, number)
SELECT workspace_id, array_agg(id), count(*)
FROM (SELECT workspace_id, id,
             (row_number() OVER (PARTITION BY workspace_id ORDER BY id) - 1) / 5000 AS piece
      FROM recipients) AS numbered
GROUP BY workspace_id, piece
"""


def upgrade() -> None:
    """Apply."""
    op.execute("SET LOCAL statement_timeout = '10min'")  # everybody is counted and queued once
    op.add_column("groups", sa.Column("purge_after", sa.DateTime(timezone=True)))
    _create_counts()
    _create_words()
    _create_actions()
    _create_targets()
    _create_changes()
    _install_triggers()
    for statement in (COUNT_ALL, COUNT_STATUSES, COUNT_TAGS, QUEUE_ALL):
        op.execute(statement)


def downgrade() -> None:
    """Undo."""
    for table, function in TRIGGERS.items():
        for event in TABLES:
            op.execute(f"DROP TRIGGER {function}_{event.lower()} ON {table}")
        op.execute(f"DROP FUNCTION {function}()")
    for name in (
        *("recipient_changes", "bulk_targets", "bulk_actions"),
        *("unindexed_recipients", "recipient_words", "tallies"),
    ):
        op.drop_table(name)
    op.execute("DELETE FROM groups WHERE purge_after IS NOT NULL")
    op.drop_column("groups", "purge_after")


def _install_triggers() -> None:
    for table, function in TRIGGERS.items():
        op.execute(COUNT_MEMBERS if function == "count_members" else NOTE_RECIPIENTS)
        for event, seen in TABLES.items():
            op.execute(
                f"CREATE TRIGGER {function}_{event.lower()} AFTER {event} ON {table}"
                f" REFERENCING {seen} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
            )


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    default = None if nullable else sa.text("now()")
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def _create_counts() -> None:
    op.create_table(
        "tallies",
        _id(),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("tag", sa.Text(), server_default="", nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tallies")),
    )
    op.create_index(
        "ix_tallies_workspace_id", "tallies", ["workspace_id", "group_id", "status", "tag"]
    )


def _create_words() -> None:
    op.create_table(
        "recipient_words",
        sa.Column("recipient_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", name=op.f("pk_recipient_words")),
    )
    op.create_index(
        "ix_recipient_words_words",
        "recipient_words",
        ["words"],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": "16384"},
    )
    op.create_table(
        "unindexed_recipients",
        _id(),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("recipient_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unindexed_recipients")),
    )
    # Packing ids would take longer than indexing the people they are of.
    op.execute("ALTER TABLE unindexed_recipients ALTER COLUMN recipient_ids SET STORAGE EXTERNAL")
    op.create_index(
        "ix_unindexed_recipients_workspace_id", "unindexed_recipients", ["workspace_id", "id"]
    )


def _create_actions() -> None:
    op.create_table(
        "bulk_actions",
        _id(),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("order", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(20), server_default="waiting", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        *(_count(name) for name in ("done", "changed", "restored", "spared", "failures")),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        _time("created_at"),
        _time("touched_at"),
        _time("finished_at", nullable=True),
        sa.CheckConstraint(
            sa.column("action", sa.String()).in_(ACTIONS), name=op.f("ck_bulk_actions_action")
        ),
        sa.CheckConstraint(
            sa.column("state", sa.String()).in_(STATES), name=op.f("ck_bulk_actions_state")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_bulk_actions_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_bulk_actions_user_id_users"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_actions")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_bulk_actions_workspace_id_id")),
    )
    op.create_index(
        "ix_bulk_actions_active",
        "bulk_actions",
        ["state"],
        postgresql_where=sa.text("finished_at IS NULL"),
    )


def _of_action(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["workspace_id", "bulk_id"],
        ["bulk_actions.workspace_id", "bulk_actions.id"],
        name=f"fk_{table}_bulk",
        ondelete="CASCADE",
    )


def _create_targets() -> None:
    op.create_table(
        "bulk_targets",
        _id(),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("bulk_id", sa.BigInteger(), nullable=False),
        sa.Column("recipient_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_bulk_targets_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        _of_action("bulk_targets"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_targets")),
    )
    op.create_index("ix_bulk_targets_bulk_id", "bulk_targets", ["bulk_id", "id"])


def _create_changes() -> None:
    op.create_table(
        "recipient_changes",
        sa.Column("bulk_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.Text(collation="C"), nullable=True),
        sa.Column("former", postgresql.JSONB(), server_default="{}", nullable=False),
        _time("changed_at"),
        _of_action("recipient_changes"),
        sa.PrimaryKeyConstraint("bulk_id", "recipient_id", name=op.f("pk_recipient_changes")),
    )
    op.create_index(
        "ix_recipient_changes_email",
        "recipient_changes",
        ["workspace_id", "email"],
        postgresql_where=sa.text("email IS NOT NULL"),
    )
