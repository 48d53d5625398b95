"""A list of addresses on its way into the suppression list."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import BigId, Created, When, WorkspaceId, no_rows


class SuppressionImport(Owned, Base):
    """What somebody pasted or uploaded, and what came of it: lines = added + already + invalid."""

    __tablename__ = "suppression_imports"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        Index(
            "ix_suppression_imports_open",
            "id",
            postgresql_where=sql("finished_at IS NULL"),
        ),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="SET NULL")
    )
    name: Mapped[str] = mapped_column(Text)
    """The file's, or what was done."""
    lines: Mapped[int] = mapped_column(**no_rows())
    added: Mapped[int] = mapped_column(**no_rows())
    already: Mapped[int] = mapped_column(**no_rows())
    invalid: Mapped[int] = mapped_column(**no_rows())
    problems: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=sql("'[]'"))
    """The first lines that were no addresses: [text, what is wrong]."""
    created_at: Mapped[Created]
    finished_at: Mapped[When | None]


class WaitingSuppressions(Owned, Base):
    """Some thousand lines of one import, as they were written; gone when they are worked off."""

    __tablename__ = "waiting_suppressions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "import_id"],
            ["suppression_imports.workspace_id", "suppression_imports.id"],
            name="fk_waiting_suppressions_import",
            ondelete="CASCADE",
        ),
        Index("ix_waiting_suppressions_import_id", "import_id", "id"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    import_id: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[list[Any]] = mapped_column(JSONB)
    """[address as written, reason] each."""
