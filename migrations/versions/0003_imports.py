"""Imports that are tried first, keep what they changed, and can be undone; tags for recipients."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FORMER = ("uploaded", "waiting", "running", "done", "failed", "stopped")
JOINED = ("joined", "joined_groups")
STATES = (*FORMER, "checking", "checked", "undoing", "undone")

# What a foreign key would do, once for a statement: for each of a million rows it takes as long as
# two indexes.
CHECK_WORKSPACES = """
CREATE FUNCTION check_workspaces() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted bigint;
BEGIN
    FOR wanted IN SELECT DISTINCT workspace_id FROM after LOOP
        PERFORM FROM workspaces WHERE id = wanted FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE foreign_key_violation USING MESSAGE = format('no workspace %s', wanted);
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""
REMOVE_RECIPIENTS = """
CREATE FUNCTION remove_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM recipients WHERE workspace_id = OLD.id;
    RETURN OLD;
END $$
"""
TRIGGERS = {
    "check_workspaces": "AFTER INSERT ON recipients REFERENCING NEW TABLE AS after"
    " FOR EACH STATEMENT",
    "remove_recipients": "BEFORE DELETE ON workspaces FOR EACH ROW",
}


def upgrade() -> None:
    """Apply."""
    _replace_keys()
    _add_tags()
    _allow(STATES)
    _add_choices()
    _add_outcomes()
    _create_batches()


def downgrade() -> None:
    """Undo."""
    _bring_keys_back()
    op.drop_table("import_batches")
    for name in (
        *("undo_asked_at", "removed", "restored", "spared", "report", "permission_words"),
        *("permission_at", "permission_by", "tags", "empty_cells", "existing", "matched"),
    ):
        op.drop_column("imports", name)
    op.execute("UPDATE imports SET state = 'uploaded' WHERE state IN ('checking', 'checked')")
    op.execute("UPDATE imports SET state = 'stopped' WHERE state IN ('undoing', 'undone')")
    _allow(FORMER)
    op.drop_index("ix_recipients_tags", table_name="recipients")
    op.drop_column("recipients", "tags")
    op.drop_column("recipients", "import_id")


def _replace_keys() -> None:
    # A group's or a recipient's own key says whose a membership is.
    for table in ("group_members", "recipients"):
        op.drop_constraint(op.f(f"fk_{table}_workspace_id_workspaces"), table, type_="foreignkey")
    op.execute(CHECK_WORKSPACES)
    op.execute(REMOVE_RECIPIENTS)
    for name, event in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {event} EXECUTE FUNCTION {name}()")


def _bring_keys_back() -> None:
    op.execute("DROP TRIGGER check_workspaces ON recipients")
    op.execute("DROP TRIGGER remove_recipients ON workspaces")
    for name in TRIGGERS:
        op.execute(f"DROP FUNCTION {name}()")
    for table in ("group_members", "recipients"):
        op.create_foreign_key(
            op.f(f"fk_{table}_workspace_id_workspaces"),
            table,
            "workspaces",
            ["workspace_id"],
            ["id"],
            ondelete="CASCADE",
        )


def _add_tags() -> None:
    op.add_column("recipients", sa.Column("import_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "recipients",
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
    )
    op.create_index(
        "ix_recipients_tags",
        "recipients",
        ["tags"],
        postgresql_using="gin",
        postgresql_where=sa.text("tags <> '{}'"),
    )


def _allow(states: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_imports_state"), "imports", type_="check")
    op.create_check_constraint(
        op.f("ck_imports_state"), "imports", sa.column("state", sa.String()).in_(states)
    )


def _add_choices() -> None:
    for name, default, values in (
        ("existing", "overwrite", ("skip", "fill", "overwrite")),
        ("empty_cells", "keep", ("keep", "erase")),
    ):
        kind = sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)
        column = sa.Column(name, kind, server_default=default, nullable=False)
        op.add_column("imports", column)
    for column in (
        sa.Column("matched", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "permission_by",
            sa.BigInteger(),
            sa.ForeignKey(
                "users.id", ondelete="SET NULL", name=op.f("fk_imports_permission_by_users")
            ),
            nullable=True,
        ),
        sa.Column("permission_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("permission_words", sa.Text(), server_default="", nullable=False),
    ):
        op.add_column("imports", column)


def _add_outcomes() -> None:
    for column in (
        sa.Column("report", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("removed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("restored", sa.Integer(), server_default="0", nullable=False),
        sa.Column("spared", sa.Integer(), server_default="0", nullable=False),
        sa.Column("undo_asked_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("imports", column)


def _create_batches() -> None:
    ids = postgresql.ARRAY(sa.BigInteger())
    texts = postgresql.ARRAY(sa.Text())
    times = postgresql.ARRAY(sa.DateTime(timezone=True))
    op.create_table(
        "import_batches",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("made", ids, nullable=False),
        sa.Column("changed", ids, nullable=False),
        sa.Column("names", texts, nullable=False),
        sa.Column("attributes", postgresql.ARRAY(postgresql.JSONB()), nullable=False),
        sa.Column("tags", texts, nullable=False),
        sa.Column("updated", times, nullable=False),
        sa.Column("joined", ids, nullable=False),
        sa.Column("joined_groups", ids, nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_import_batches_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "import_id"],
            ["imports.workspace_id", "imports.id"],
            name="fk_import_batches_import",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_import_batches")),
    )
    op.create_index("ix_import_batches_created_at", "import_batches", ["created_at"])
    for name in ("made", "changed", "names", "attributes", "tags", "updated", *JOINED):
        # Packing them took PostgreSQL longer than an index of the people themselves.
        op.execute(f"ALTER TABLE import_batches ALTER COLUMN {name} SET STORAGE EXTERNAL")
