"""Segments, exclusions, one mail per mailbox, and suppressions that keep only a hash."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Gmail ignores dots and tags (support.google.com/mail/answer/7436150), Outlook.com tags only
# (RFC 5233 calls them subaddresses); nobody else's rules are known well enough.
MAILBOX_OF = """
CREATE FUNCTION mailbox_of(address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN address LIKE '%@gmail.com' OR address LIKE '%@googlemail.com'
    THEN nullif(replace(split_part(split_part(address, '@', 1), '+', 1), '.', ''), '')
         || '@gmail.com'
    WHEN address LIKE '%@outlook.com' OR address LIKE '%@hotmail.com'
         OR address LIKE '%@live.com'
    THEN nullif(split_part(split_part(address, '@', 1), '+', 1), '')
         || '@' || split_part(address, '@', 2)
END
"""

# Eight bytes find the few who share a mailbox three times as fast as the text.
MAILBOX_KEY = """
CREATE FUNCTION mailbox_key(address text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(mailbox_of(address), 0)
"""


def upgrade() -> None:
    """Apply."""
    # The new column rewrites the table of recipients, and its index reads it again.
    op.execute("SET LOCAL statement_timeout = '10min'")
    _add_mailboxes()
    _index_members()
    _create_segments()
    _create_campaign_segments()
    _add_exclusions()
    _add_hashes()
    _create_imports()


def downgrade() -> None:
    """Undo."""
    op.drop_table("waiting_suppressions")
    op.drop_table("suppression_imports")
    op.execute("DELETE FROM suppressions WHERE email IS NULL")
    op.drop_index("ix_suppressions_erased", table_name="suppressions")
    op.drop_index("ix_suppressions_workspace_id_id", table_name="suppressions")
    op.drop_constraint(
        op.f("uq_suppressions_workspace_id_email_hash"), "suppressions", type_="unique"
    )
    op.drop_column("suppressions", "email_hash")
    op.alter_column("suppressions", "email", nullable=False)
    op.execute("DELETE FROM campaign_groups WHERE excluded")
    op.drop_column("campaign_groups", "excluded")
    for name in ("one_per_mailbox", "left_out_spellings", "left_out_excluded"):
        op.drop_column("campaigns", name)
    op.drop_table("campaign_segments")
    op.drop_table("segments")
    op.create_index("ix_group_members_recipient_id", "group_members", ["recipient_id"])
    op.drop_index("ix_group_members_recipient_group", table_name="group_members")
    op.drop_index("ix_recipients_mailbox_key", table_name="recipients")
    op.drop_column("recipients", "mailbox_key")
    op.execute("DROP FUNCTION mailbox_key(text)")
    op.execute("DROP FUNCTION mailbox_of(text)")


def _add_mailboxes() -> None:
    op.execute(MAILBOX_OF)
    op.execute(MAILBOX_KEY)
    op.add_column(
        "recipients",
        sa.Column(
            "mailbox_key",
            sa.BigInteger(),
            sa.Computed("mailbox_key(email)", persisted=True),
            nullable=True,
        ),
    )
    op.create_index(
        "ix_recipients_mailbox_key",
        "recipients",
        ["workspace_id", "mailbox_key"],
        postgresql_where=sa.text("mailbox_key IS NOT NULL"),
    )


def _index_members() -> None:
    """By person and group: how many different people several groups hold is read off it."""
    op.create_index(
        "ix_group_members_recipient_group",
        "group_members",
        ["workspace_id", "recipient_id", "group_id"],
    )
    op.drop_index("ix_group_members_recipient_id", table_name="group_members")


def _create_segments() -> None:
    op.create_table(
        "segments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rules", postgresql.JSONB(), nullable=False),
        *_times("created_at", "updated_at"),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_segments_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_segments_workspace_id_id")),
    )
    op.create_index(
        "uq_segments_workspace_id_name",
        "segments",
        ["workspace_id", sa.literal_column("lower(name)")],
        unique=True,
    )


def _create_campaign_segments() -> None:
    ids = ("workspace_id", "campaign_id", "segment_id")
    op.create_table(
        "campaign_segments",
        *(sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ids),
        sa.Column("excluded", sa.Boolean(), server_default="false", nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_campaign_segments_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaigns.workspace_id", "campaigns.id"],
            name="fk_campaign_segments_campaign",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "segment_id"],
            ["segments.workspace_id", "segments.id"],
            name="fk_campaign_segments_segment",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("campaign_id", "segment_id", name=op.f("pk_campaign_segments")),
    )
    op.create_index(
        "ix_campaign_segments_segment_id", "campaign_segments", ["workspace_id", "segment_id"]
    )


def _add_exclusions() -> None:
    op.add_column(
        "campaign_groups",
        sa.Column("excluded", sa.Boolean(), server_default="false", nullable=False),
    )
    for column in (
        sa.Column("left_out_excluded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("left_out_spellings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("one_per_mailbox", sa.Boolean(), server_default="true", nullable=False),
    ):
        op.add_column("campaigns", column)


def _add_hashes() -> None:
    op.alter_column("suppressions", "email", nullable=True)
    op.add_column("suppressions", sa.Column("email_hash", sa.LargeBinary(), nullable=True))
    op.execute("UPDATE suppressions SET email_hash = sha256(convert_to(email, 'UTF8'))")
    op.alter_column("suppressions", "email_hash", nullable=False)
    op.create_unique_constraint(
        op.f("uq_suppressions_workspace_id_email_hash"),
        "suppressions",
        ["workspace_id", "email_hash"],
    )
    op.create_index("ix_suppressions_workspace_id_id", "suppressions", ["workspace_id", "id"])
    op.create_index(
        "ix_suppressions_erased",
        "suppressions",
        ["workspace_id", "email_hash"],
        postgresql_where=sa.text("email IS NULL"),
    )


def _create_imports() -> None:
    counts = ("lines", "added", "already", "invalid")
    op.create_table(
        "suppression_imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), server_default="0", nullable=False) for name in counts),
        sa.Column("problems", postgresql.JSONB(), server_default="[]", nullable=False),
        *_times("created_at"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        _to_workspace("suppression_imports"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_suppression_imports_user_id_users"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression_imports")),
        sa.UniqueConstraint(
            "workspace_id", "id", name=op.f("uq_suppression_imports_workspace_id_id")
        ),
    )
    op.create_index(
        "ix_suppression_imports_open",
        "suppression_imports",
        ["id"],
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "waiting_suppressions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("entries", postgresql.JSONB(), nullable=False),
        _to_workspace("waiting_suppressions"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "import_id"],
            ["suppression_imports.workspace_id", "suppression_imports.id"],
            name="fk_waiting_suppressions_import",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_suppressions")),
    )
    op.create_index(
        "ix_waiting_suppressions_import_id", "waiting_suppressions", ["import_id", "id"]
    )


def _to_workspace(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["workspace_id"],
        ["workspaces.id"],
        name=op.f(f"fk_{table}_workspace_id_workspaces"),
        ondelete="CASCADE",
    )


def _times(*names: str) -> list[sa.Column[object]]:
    kind, now = sa.DateTime(timezone=True), sa.text("now()")
    return [sa.Column(name, kind, server_default=now, nullable=False) for name in names]
