"""Erasing somebody: what is still to be done, and that it was done."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, ForeignKey, Index, LargeBinary, SmallInteger, Text
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import BigId, Created, When, WorkspaceId, no_rows


class Erasure(Owned, Base):
    """A person's erasure. Once it is finished, this row tells no more than a hash of them, too."""

    __tablename__ = "erasures"
    __table_args__ = (
        Index("ix_erasures_due_at", "due_at", postgresql_where=sql("due_at IS NOT NULL")),
        Index("ix_erasures_workspace_id", "workspace_id", "id"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="SET NULL")
    )
    email: Mapped[str | None] = mapped_column(Text)
    """Whom to look for; forgotten when nothing is left to be found."""
    email_hash: Mapped[bytes] = mapped_column(LargeBinary)
    recipient_ids: Mapped[list[int]] = mapped_column(
        ARRAY(BigInteger), default=list, server_default=sql("'{}'")
    )
    """By what they were known, so far as the list still knew."""
    rounds: Mapped[int] = mapped_column(SmallInteger, **no_rows())
    """How often everything was searched through: the last time is for what was on its way."""
    due_at: Mapped[When | None]
    """When the next round is due; None when it is finished."""
    created_at: Mapped[Created]
    finished_at: Mapped[When | None]
