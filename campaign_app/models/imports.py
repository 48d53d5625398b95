"""An uploaded file on its way into the recipients."""

from __future__ import annotations

from datetime import datetime
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
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import Big, BigId, Created, When, WorkspaceId, choice, no_rows


class ImportState(StrEnum):
    """`uploaded` waits for its columns to be matched, `waiting` for a worker.

    `checking` is the dry run, under way or waiting for a worker; `undoing` likewise.
    """

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    UNDOING = "undoing"
    UNDONE = "undone"


class Existing(StrEnum):
    """What an import does to the name and attributes of people who are on the list already."""

    SKIP = "skip"
    FILL = "fill"
    """Only what is empty is filled in."""
    OVERWRITE = "overwrite"


class EmptyCells(StrEnum):
    """What an empty cell does to a stored value, where people are overwritten."""

    KEEP = "keep"
    ERASE = "erase"


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
    matched: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Somebody has confirmed the columns; before, the mapping is a proposal."""
    group_ids: Mapped[list[int]] = mapped_column(JSONB, default=list, server_default=sql("'[]'"))
    existing: Mapped[Existing] = mapped_column(
        choice(Existing, "existing"), default=Existing.OVERWRITE, server_default="overwrite"
    )
    empty_cells: Mapped[EmptyCells] = mapped_column(
        choice(EmptyCells, "empty_cells"), default=EmptyCells.KEEP, server_default="keep"
    )
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=sql("'{}'"))
    """What everybody in the file is tagged with."""
    permission_by: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="SET NULL")
    )
    permission_at: Mapped[When | None]
    """When somebody confirmed that these people may be mailed; without it nothing is imported."""
    permission_words: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The sentence that they confirmed."""
    report: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=sql("'{}'"))
    """What the dry run found: its counts and "examples"; empty before."""
    bytes_read: Mapped[Big] = mapped_column(**no_rows())
    rows: Mapped[int] = mapped_column(**no_rows())
    new: Mapped[int] = mapped_column(**no_rows())
    updated: Mapped[int] = mapped_column(**no_rows())
    unchanged: Mapped[int] = mapped_column(**no_rows())
    duplicates: Mapped[int] = mapped_column(**no_rows())
    invalid: Mapped[int] = mapped_column(**no_rows())
    suppressed: Mapped[int] = mapped_column(**no_rows())
    removed: Mapped[int] = mapped_column(**no_rows())
    restored: Mapped[int] = mapped_column(**no_rows())
    spared: Mapped[int] = mapped_column(**no_rows())
    """What the undo did: people taken off the list, given back their former values, left alone."""
    rejected_key: Mapped[str] = mapped_column(Text, default="", server_default="")
    error: Mapped[str] = mapped_column(Text, default="", server_default="")
    stop_requested: Mapped[bool] = mapped_column(default=False, server_default="false")
    worker: Mapped[str] = mapped_column(Text, default="", server_default="")
    heartbeat_at: Mapped[When | None]
    created_at: Mapped[Created]
    started_at: Mapped[When | None]
    finished_at: Mapped[When | None]
    undo_asked_at: Mapped[When | None]


class ImportBatch(Owned, Base):
    """What undoing one batch of an import takes, or half of one: the statement that writes the
    people writes it, in one row.

    Arrays are parallel: `changed` with `names`, `attributes`, `tags`, `updated` (as they were
    before), and `joined` with `joined_groups`. Everything the batch wrote bears `created_at`.
    """

    __tablename__ = "import_batches"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "import_id"],
            ["imports.workspace_id", "imports.id"],
            name="fk_import_batches_import",
            ondelete="CASCADE",
        ),
        Index("ix_import_batches_created_at", "created_at"),
    )

    workspace_id: Mapped[WorkspaceId]
    import_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    made: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    """Ids of the people whom the batch put on the list."""
    changed: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    names: Mapped[list[str]] = mapped_column(ARRAY(Text))
    attributes: Mapped[list[Any]] = mapped_column(ARRAY(JSONB))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Each of them a whole array, as PostgreSQL spells it: arrays of arrays must be rectangles."""
    updated: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)))
    joined: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    joined_groups: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    people_updated: Mapped[int] = mapped_column(**no_rows())
    people_suppressed: Mapped[int] = mapped_column(**no_rows())
    """What the batch added to the import's counts, for a worker who finds it written."""
    created_at: Mapped[Created]
