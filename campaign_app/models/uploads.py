"""A file on its way to us, in parts."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.storage import Plan
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import Big, BigId, Created, When, WorkspaceId, choice


class UploadState(StrEnum):
    """`complete` has become an import."""

    OPEN = "open"
    COMPLETE = "complete"
    ABORTED = "aborted"


class Upload(Owned, Base):
    """A file that is being sent: how it is cut, where it goes, what it becomes. Sizes are bytes."""

    __tablename__ = "uploads"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaigns.workspace_id", "campaigns.id"],
            name="fk_uploads_campaign",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["workspace_id", "import_id"],
            ["imports.workspace_id", "imports.id"],
            name="fk_uploads_import",
            ondelete="CASCADE",
        ),
        Index("ix_uploads_expires_at", "expires_at"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="SET NULL")
    )
    campaign_id: Mapped[int | None] = mapped_column(BigInteger)
    """The campaign whose audience these people join, if it is for one."""
    group_ids: Mapped[list[int]] = mapped_column(JSONB, default=list, server_default=sql("'[]'"))
    """The groups they join."""
    filename: Mapped[str] = mapped_column(Text)
    size: Mapped[Big]
    part_size: Mapped[int]
    storage_key: Mapped[str] = mapped_column(Text)
    external_id: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The bucket's own name for it."""
    state: Mapped[UploadState] = mapped_column(
        choice(UploadState, "state"), default=UploadState.OPEN, server_default="open"
    )
    assembled: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Whether the parts are one file already, which only has to be understood."""
    import_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[Created]
    expires_at: Mapped[When]

    @property
    def plan(self) -> Plan:
        """The same for its store."""
        return Plan(self.storage_key, self.external_id, self.size, self.part_size)
