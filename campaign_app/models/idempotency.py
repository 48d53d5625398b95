"""Requests of programs that may come twice: the answer to the first one, for the second."""

from __future__ import annotations

from sqlalchemy import Index, SmallInteger, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import BigId, Created, WorkspaceId, no_rows


class IdempotencyKey(Owned, Base):
    """A program's name for one request. It commits with what the request did, or not at all."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("workspace_id", "key"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    key: Mapped[str] = mapped_column(Text)
    request_digest: Mapped[str] = mapped_column(Text)
    """SHA-256 of method, path and body: a key does not stand for two different requests."""
    status: Mapped[int] = mapped_column(SmallInteger, **no_rows())
    answer: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[Created]
