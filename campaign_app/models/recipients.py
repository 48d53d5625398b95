"""The people on the list: recipients, what they consented to, groups, suppressions."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy import (
    text as sql,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib import address
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import Big, BigId, Created, When, WorkspaceId, choice


class RecipientStatus(StrEnum):
    """Only `subscribed` is mailed."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Recipient(Owned, Base):
    """A person on a workspace's list. `email` is case-folded and unique per workspace."""

    __tablename__ = "recipients"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "email"),
        Index(
            "ix_recipients_name",
            "workspace_id",
            func.lower(sql("name")).label("folded"),
            postgresql_ops={"folded": "text_pattern_ops"},
        ),
        Index("ix_recipients_status", "workspace_id", "status", "id"),
        Index(
            "ix_recipients_mailbox_key",
            "workspace_id",
            "mailbox_key",
            postgresql_where=sql("mailbox_key IS NOT NULL"),
        ),
        # Most people have no tags, and stay out of it: an import writes one index less.
        Index(
            "ix_recipients_tags",
            "tags",
            postgresql_using="gin",
            postgresql_where=sql("tags <> '{}'"),
        ),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[Big]
    """A trigger checks it once a statement; a key would for each of an import's million rows."""
    email: Mapped[str] = mapped_column(Text(collation="C"))
    """Collated "C" so that its unique index also answers prefix searches."""
    mailbox_key: Mapped[int | None] = mapped_column(
        BigInteger, Computed("mailbox_key(email)", persisted=True)
    )
    """A hash of where mail to it ends up, for providers that ignore dots or tags; else None."""
    name: Mapped[str] = mapped_column(Text, default="", server_default="")
    attributes: Mapped[dict[str, Any]] = mapped_column(
        JSONB, default=dict, server_default=sql("'{}'")
    )
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=sql("'{}'"))
    """In alphabetical order. To search by them, say `tags <> '{}'` as well: see the index."""
    import_id: Mapped[int | None] = mapped_column(BigInteger)
    """The import that put them on the list: the record of their permission, so it is never gone."""
    status: Mapped[RecipientStatus] = mapped_column(
        choice(RecipientStatus, "status"),
        default=RecipientStatus.SUBSCRIBED,
        server_default="subscribed",
    )
    status_at: Mapped[When | None]
    status_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class ConsentAction(StrEnum):
    """What happened to somebody's permission to be mailed."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    ASKED = "asked"
    """To be subscribed, by a form; `subscribed` follows when they confirm it."""
    PREFERENCES = "preferences"
    """They chose among the lists that are offered to them."""


class ConsentEvent(Owned, Base):
    """Append-only: who opted in or out, when, why and by which door."""

    __tablename__ = "consent_events"
    __table_args__ = (Index("ix_consent_events_email", "workspace_id", "email", "id"),)

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    email: Mapped[str] = mapped_column(Text)
    action: Mapped[ConsentAction] = mapped_column(choice(ConsentAction, "action"))
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    source: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The door: page, import, api, link, one-click, smtp, form."""
    evidence: Mapped[dict[str, Any]] = mapped_column(
        JSONB, default=dict, server_default=sql("'{}'")
    )
    """Of a sign-up: `form` and its `version`, and the `ip` it came from."""
    user_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="SET NULL")
    )
    created_at: Mapped[Created]


class Group(Owned, Base):
    """A named set of recipients. A hidden one belongs to a single campaign."""

    __tablename__ = "groups"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        Index(
            "uq_groups_workspace_id_name",
            "workspace_id",
            func.lower(sql("name")),
            unique=True,
            postgresql_where=sql("NOT hidden"),
        ),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    name: Mapped[str] = mapped_column(Text)
    hidden: Mapped[bool] = mapped_column(default=False, server_default="false")
    public: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Its members see it, and may join and leave it, behind the unsubscribe link."""
    public_name: Mapped[str] = mapped_column(Text, default="", server_default="")
    """What they see it called; empty: as we call it."""
    purge_after: Mapped[When | None]
    """Set for a hidden group that people deleted: when its members are forgotten, too."""
    created_at: Mapped[Created]


class GroupMember(Owned, Base):
    """A recipient's place in a group; both of the same workspace, by composite keys."""

    __tablename__ = "group_members"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "group_id"],
            ["groups.workspace_id", "groups.id"],
            name="fk_group_members_group",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["workspace_id", "recipient_id"],
            ["recipients.workspace_id", "recipients.id"],
            name="fk_group_members_recipient",
            ondelete="CASCADE",
        ),
        Index("ix_group_members_recipient_group", "workspace_id", "recipient_id", "group_id"),
    )

    workspace_id: Mapped[Big]
    group_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    recipient_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    created_at: Mapped[Created]


class GroupRefusal(Owned, Base):
    """Somebody left a group of their own will: a trigger keeps everybody from putting them back."""

    __tablename__ = "group_refusals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "group_id"],
            ["groups.workspace_id", "groups.id"],
            name="fk_group_refusals_group",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["workspace_id", "recipient_id"],
            ["recipients.workspace_id", "recipients.id"],
            name="fk_group_refusals_recipient",
            ondelete="CASCADE",
        ),
        Index("ix_group_refusals_recipient_id", "recipient_id"),
    )

    workspace_id: Mapped[WorkspaceId]
    group_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    recipient_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    created_at: Mapped[Created]


class WaitingAddresses(Owned, Base):
    """Some thousand addresses on their way into a group, normalised; gone when they are in it."""

    __tablename__ = "waiting_addresses"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "group_id"],
            ["groups.workspace_id", "groups.id"],
            name="fk_waiting_addresses_group",
            ondelete="CASCADE",
        ),
        Index("ix_waiting_addresses_group_id", "group_id", "id"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    group_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="SET NULL")
    )
    addresses: Mapped[str] = mapped_column(Text)
    """One to a line: an array's elements would each be parsed as an expression."""
    reason: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    """Why those who are new are on the list, and by which door: for their ConsentEvent."""
    created_at: Mapped[Created]


def _hash_of_own_email(context: DefaultExecutionContext) -> bytes:
    email: str = context.get_current_parameters()["email"]  # type: ignore[no-untyped-call]
    return address.digest(email)


class Suppression(Owned, Base):
    """An address this workspace must not mail, whoever puts it on a list again."""

    __tablename__ = "suppressions"
    __table_args__ = (
        UniqueConstraint("workspace_id", "email"),
        UniqueConstraint("workspace_id", "email_hash"),
        Index("ix_suppressions_workspace_id_id", "workspace_id", "id"),
        Index(
            "ix_suppressions_erased",
            "workspace_id",
            "email_hash",
            postgresql_where=sql("email IS NULL"),
        ),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    email: Mapped[str | None] = mapped_column(Text(collation="C"))
    """None: the person was erased, and only the hash is kept."""
    email_hash: Mapped[bytes] = mapped_column(LargeBinary, default=_hash_of_own_email)
    """SHA-256 of the normalised address: what every entry is matched by."""
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    source: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[Created]
