"""Bulk actions: who is meant, how far it is, and what would take it back."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy import (
    text as sql,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import Big, BigId, Created, When, WorkspaceId, choice, no_rows


class Action(StrEnum):
    """What can be done to many."""

    JOIN = "join"
    LEAVE = "leave"
    TAG = "tag"
    UNTAG = "untag"
    UNSUBSCRIBE = "unsubscribe"
    RESUBSCRIBE = "resubscribe"
    SUPPRESS = "suppress"
    DELETE = "delete"


class BulkState(StrEnum):
    """waiting → running → done | stopped | failed → undoing → undone."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"


ACTIVE = (BulkState.WAITING, BulkState.RUNNING, BulkState.UNDOING)
"""Somebody should be at work."""
ENDED = (BulkState.DONE, BulkState.STOPPED, BulkState.FAILED)
"""What was done can be taken back."""


class BulkAction(Owned, Base):
    """One action on many recipients, from the order to its undo."""

    __tablename__ = "bulk_actions"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        Index("ix_bulk_actions_active", "state", postgresql_where=sql("finished_at IS NULL")),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="SET NULL")
    )
    action: Mapped[Action] = mapped_column(choice(Action, "action"))
    order: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """services.recipient_bulk.Order as plain values."""
    state: Mapped[BulkState] = mapped_column(
        choice(BulkState, "state"), default=BulkState.WAITING, server_default="waiting"
    )
    total: Mapped[int | None] = mapped_column(BigInteger)
    """How many are meant; None until they have been written down as targets."""
    done: Mapped[int] = mapped_column(BigInteger, **no_rows())
    """How many of them have had their turn, and how many of these it `changed`."""
    changed: Mapped[int] = mapped_column(BigInteger, **no_rows())
    refused: Mapped[int] = mapped_column(BigInteger, **no_rows())
    """How many could not join the group, because they had left it for good."""
    restored: Mapped[int] = mapped_column(BigInteger, **no_rows())
    """What the undo has brought back, and what it `spared` because it has changed since."""
    spared: Mapped[int] = mapped_column(BigInteger, **no_rows())
    failures: Mapped[int] = mapped_column(BigInteger, **no_rows())
    """Steps in a row that broke."""
    problem: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Why it failed, in words for people."""
    created_at: Mapped[Created]
    touched_at: Mapped[Created]
    """When the last step was done: an old one means that nobody is at work."""
    finished_at: Mapped[When | None]

    @property
    def has_changed(self) -> bool:
        """Whether anything is other than before: a merge ends groups, empty ones too."""
        return bool(self.changed or self.order["merging"])


class BulkTargets(Owned, Base):
    """Some hundred recipients who wait for their turn in a bulk action; gone when they had it."""

    __tablename__ = "bulk_targets"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "bulk_id"],
            ["bulk_actions.workspace_id", "bulk_actions.id"],
            name="fk_bulk_targets_bulk",
            ondelete="CASCADE",
        ),
        Index("ix_bulk_targets_bulk_id", "bulk_id", "id"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    bulk_id: Mapped[Big]
    recipient_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class RecipientChange(Owned, Base):
    """What a bulk action changed of one recipient, as far as undoing it needs to know."""

    __tablename__ = "recipient_changes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "bulk_id"],
            ["bulk_actions.workspace_id", "bulk_actions.id"],
            name="fk_recipient_changes_bulk",
            ondelete="CASCADE",
        ),
        Index(
            "ix_recipient_changes_email",
            "workspace_id",
            "email",
            postgresql_where=sql("email IS NOT NULL"),
        ),
    )

    bulk_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    recipient_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace_id: Mapped[Big]
    email: Mapped[str | None] = mapped_column(Text(collation="C"))
    """Of somebody who was deleted, whose data must be findable for erasure."""
    former: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=sql("'{}'"))
    changed_at: Mapped[When] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """What has another time by now has changed since, and is spared."""
