"""Sign-up forms, groups that their members may choose, proofs of consent, erasures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FORMER_ACTIONS = ("subscribed", "unsubscribed", "bounced", "complained")
NEW_ACTIONS = ("asked", "preferences")

# After the statement and for all of its rows at once: an import of a million pays one join with a
# table that is nearly empty. Whoever writes into a group is served, and none can be forgotten.
KEEP_OUT = """
CREATE FUNCTION keep_refusals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM group_refusals
               WHERE group_id IN (SELECT DISTINCT group_id FROM after)) THEN
        DELETE FROM group_members m USING after a, group_refusals r
        WHERE r.group_id = a.group_id AND r.recipient_id = a.recipient_id
          AND m.group_id = a.group_id AND m.recipient_id = a.recipient_id;
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Apply."""
    op.execute("SET LOCAL statement_timeout = '5min'")  # the check reads the whole consent log
    _set_actions((*FORMER_ACTIONS, *NEW_ACTIONS))
    evidence = sa.Column(
        "evidence", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False
    )
    op.add_column("consent_events", evidence)
    op.add_column(
        "groups", sa.Column("public", sa.Boolean(), server_default="false", nullable=False)
    )
    op.add_column("groups", _words("public_name"))
    _create_refusals()
    _create_forms()
    _create_wordings()
    _create_signups()
    _create_erasures()


def downgrade() -> None:
    """Undo."""
    for name in ("erasures", "signups", "signup_wordings", "signup_forms"):
        op.drop_table(name)
    op.execute("DROP TRIGGER keep_refusals ON group_members")
    op.execute("DROP FUNCTION keep_refusals()")
    op.drop_table("group_refusals")
    op.drop_column("groups", "public_name")
    op.drop_column("groups", "public")
    op.drop_column("consent_events", "evidence")
    op.execute("DELETE FROM consent_events WHERE action IN ('asked', 'preferences')")
    _set_actions(FORMER_ACTIONS)


def _set_actions(actions: tuple[str, ...]) -> None:
    name = op.f("ck_consent_events_action")
    op.drop_constraint(name, "consent_events", type_="check")
    allowed = ", ".join(f"'{action}'" for action in actions)
    op.create_check_constraint(name, "consent_events", f"action IN ({allowed})")


def _create_refusals() -> None:
    op.create_table(
        "group_refusals",
        _big("workspace_id"),
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), autoincrement=False, nullable=False),
        _time("created_at"),
        _of_workspace("group_refusals"),
        _to("groups", "group_id", "fk_group_refusals_group"),
        _to("recipients", "recipient_id", "fk_group_refusals_recipient"),
        sa.PrimaryKeyConstraint("group_id", "recipient_id", name=op.f("pk_group_refusals")),
    )
    op.create_index("ix_group_refusals_recipient_id", "group_refusals", ["recipient_id"])
    op.execute(KEEP_OUT)
    op.execute(
        "CREATE TRIGGER keep_refusals AFTER INSERT ON group_members"
        " REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION keep_refusals()"
    )


def _create_forms() -> None:
    op.create_table(
        "signup_forms",
        _id(),
        _big("workspace_id"),
        _big("group_id"),
        sa.Column("sender_id", sa.BigInteger()),
        sa.Column("is_open", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        _words("intro"),
        sa.Column("consent", sa.Text(), nullable=False),
        _words("thanks"),
        sa.Column("ask_name", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("attributes", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        _words("next_url"),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _time("created_at"),
        _of_workspace("signup_forms"),
        _to("groups", "group_id", "fk_signup_forms_group"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "sender_id"],
            ["senders.workspace_id", "senders.id"],
            name="fk_signup_forms_sender",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signup_forms")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_signup_forms_workspace_id_id")),
        sa.UniqueConstraint(
            "workspace_id", "group_id", name=op.f("uq_signup_forms_workspace_id_group_id")
        ),
    )


def _create_wordings() -> None:
    op.create_table(
        "signup_wordings",
        sa.Column("form_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        _big("workspace_id"),
        sa.Column("words", postgresql.JSONB(), nullable=False),
        _time("created_at"),
        _of_workspace("signup_wordings"),
        _to("signup_forms", "form_id", "fk_signup_wordings_form"),
        sa.PrimaryKeyConstraint("form_id", "version", name=op.f("pk_signup_wordings")),
    )


def _create_signups() -> None:
    op.create_table(
        "signups",
        _id(),
        _big("workspace_id"),
        _big("form_id"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        _words("name"),
        sa.Column("attributes", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        _time("asked_at"),
        _words("ip"),
        sa.Column("mail_at", sa.DateTime(timezone=True)),
        _few("attempts"),
        sa.Column("mailed_at", sa.DateTime(timezone=True)),
        _few("mails"),
        _words("problem"),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        _of_workspace("signups"),
        _to("signup_forms", "form_id", "fk_signups_form"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signups")),
    )
    op.create_index(
        "uq_signups_open",
        "signups",
        ["form_id", "email"],
        unique=True,
        postgresql_where=sa.text("confirmed_at IS NULL"),
    )
    op.create_index(
        "ix_signups_mail_at",
        "signups",
        ["mail_at"],
        postgresql_where=sa.text("mail_at IS NOT NULL"),
    )
    op.create_index("ix_signups_email", "signups", ["workspace_id", "email"])
    op.create_index("ix_signups_asked_at", "signups", ["asked_at"])


def _create_erasures() -> None:
    op.create_table(
        "erasures",
        _id(),
        _big("workspace_id"),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("email", sa.Text()),
        sa.Column("email_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "recipient_ids",
            postgresql.ARRAY(sa.BigInteger()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        _few("rounds"),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        _time("created_at"),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        _of_workspace("erasures"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_erasures_user_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index(
        "ix_erasures_due_at", "erasures", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_index("ix_erasures_workspace_id", "erasures", ["workspace_id", "id"])


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _few(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger(), server_default="0", nullable=False)


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _of_workspace(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_workspace_id_workspaces")
    return sa.ForeignKeyConstraint(
        ["workspace_id"], ["workspaces.id"], name=name, ondelete="CASCADE"
    )


def _to(table: str, column: str, name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["workspace_id", column],
        [f"{table}.workspace_id", f"{table}.id"],
        name=name,
        ondelete="CASCADE",
    )
