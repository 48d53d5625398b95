"""An uploaded file on its way into the recipients."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import Big, BigId, Created, When, WorkspaceId, choice, no_rows


class ImportState(StrEnum):
    """`uploaded` waits for its columns to be matched; `waiting` for a worker."""

    UPLOADED = "uploaded"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class Import(Owned, Base):
    """A file of recipients: how to read it, how far it is, what came of it. Sizes are bytes."""

    __tablename__ = "imports"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        Index("ix_imports_workspace_id_id", "workspace_id", "id"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="SET NULL")
    )
    filename: Mapped[str] = mapped_column(Text)
    storage_key: Mapped[str] = mapped_column(Text)
    """The file's place below STATE_DIR."""
    size: Mapped[Big]
    state: Mapped[ImportState] = mapped_column(
        choice(ImportState, "state"), default=ImportState.UPLOADED, server_default="uploaded"
    )
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=sql("'{}'"))
    """How to read it: kind, encoding, delimiter, sheet, header_row."""
    mapping: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=sql("'[]'"))
    """One entry per column: what it becomes."""
    group_ids: Mapped[list[int]] = mapped_column(JSONB, default=list, server_default=sql("'[]'"))
    bytes_read: Mapped[Big] = mapped_column(**no_rows())
    rows: Mapped[int] = mapped_column(**no_rows())
    new: Mapped[int] = mapped_column(**no_rows())
    updated: Mapped[int] = mapped_column(**no_rows())
    unchanged: Mapped[int] = mapped_column(**no_rows())
    duplicates: Mapped[int] = mapped_column(**no_rows())
    invalid: Mapped[int] = mapped_column(**no_rows())
    suppressed: Mapped[int] = mapped_column(**no_rows())
    rejected_key: Mapped[str] = mapped_column(Text, default="", server_default="")
    error: Mapped[str] = mapped_column(Text, default="", server_default="")
    stop_requested: Mapped[bool] = mapped_column(default=False, server_default="false")
    worker: Mapped[str] = mapped_column(Text, default="", server_default="")
    heartbeat_at: Mapped[When | None]
    created_at: Mapped[Created]
    started_at: Mapped[When | None]
    finished_at: Mapped[When | None]
