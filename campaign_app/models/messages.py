"""One row per recipient of a campaign, and the batches they are handed over in."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy import (
    text as sql,
)
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import Big, BigId, Created, When, WorkspaceId, choice, no_rows


class MessageStatus(StrEnum):
    """`sending` is derived, not stored: in its batch's open window and without a result yet."""

    PENDING = "pending"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class BatchState(StrEnum):
    """`pending` waits for the dispatcher, `dispatched` for a drain, `sending` has a lease."""

    PENDING = "pending"
    DISPATCHED = "dispatched"
    SENDING = "sending"
    DONE = "done"


class Batch(Owned, Base):
    """Fifty messages of one campaign. The counts are what every live number is summed from."""

    __tablename__ = "batches"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaigns.workspace_id", "campaigns.id"],
            name="fk_batches_campaign",
            ondelete="CASCADE",
        ),
        Index("ix_batches_campaign_id", "campaign_id"),
        Index(
            "ix_batches_open",
            "sender_id",
            "state",
            "not_before",
            "id",
            postgresql_where=sql("state <> 'done'"),
        ),
        Index("ix_batches_leased", "id", postgresql_where=sql("state = 'sending'")),
        # A fence moves only together with the state, so naming it costs no update its HOT way.
        Index(
            "ix_batches_moving",
            "workspace_id",
            "campaign_id",
            postgresql_where=sql("finished_at IS NULL AND fence > 0"),
        ),
        Index("ix_batches_finished_at", "workspace_id", "finished_at"),
        Index(
            "ix_batches_unconfirmed",
            "workspace_id",
            "id",
            postgresql_where=sql("unconfirmed > 0"),
        ),
        {"postgresql_with": {"fillfactor": 50}},
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    sender_id: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[BatchState] = mapped_column(
        choice(BatchState, "state"), default=BatchState.PENDING, server_default="pending"
    )
    not_before: Mapped[When] = mapped_column(server_default=func.now())
    lease_until: Mapped[When | None]
    """Database time."""
    fence: Mapped[Big] = mapped_column(**no_rows())
    """Raised with every claim and every take-back: an older holder's writes are refused."""
    worker: Mapped[str] = mapped_column(Text, default="", server_default="")
    journal: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The journal file of the connection that holds the batch."""
    opened_through: Mapped[int | None] = mapped_column(BigInteger)
    """The last message id of the open window; None when no window is open."""
    opened: Mapped[int] = mapped_column(**no_rows())
    """How many messages the open window holds: what is shown as "sending"."""
    size: Mapped[int] = mapped_column(**no_rows())
    sent: Mapped[int] = mapped_column(**no_rows())
    deferred: Mapped[int] = mapped_column(**no_rows())
    failed: Mapped[int] = mapped_column(**no_rows())
    unconfirmed: Mapped[int] = mapped_column(**no_rows())
    skipped: Mapped[int] = mapped_column(**no_rows())
    cancelled: Mapped[int] = mapped_column(**no_rows())
    finished_at: Mapped[When | None]


class Message(Owned, Base):
    """One e-mail to one recipient of one campaign.

    Updates must stay HOT: no index may name `status`, in key or predicate, and half of each page
    is left free. There are no foreign keys: the planner is the only writer and copies the
    workspace from the campaign.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("campaign_id", "recipient_id"),
        Index("ix_messages_batch_id", "batch_id", "id"),
        Index(
            "ix_messages_next_attempt_at",
            "next_attempt_at",
            postgresql_where=sql("next_attempt_at IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": 50}},
    )

    id: Mapped[BigId]
    workspace_id: Mapped[Big]
    campaign_id: Mapped[Big]
    recipient_id: Mapped[Big]
    batch_id: Mapped[Big]
    address: Mapped[str] = mapped_column(Text)
    status: Mapped[MessageStatus] = mapped_column(
        choice(MessageStatus, "status"),
        default=MessageStatus.PENDING,
        server_default="pending",
    )
    attempts: Mapped[int] = mapped_column(SmallInteger, **no_rows())
    breaks: Mapped[int] = mapped_column(SmallInteger, **no_rows())
    """Connections that broke in this message's own phase: the third sends it to the tiers."""
    next_attempt_at: Mapped[When | None]
    sent_at: Mapped[When | None]
    opened_at: Mapped[When | None]
    clicked_at: Mapped[When | None]


class DeliveryEvent(Owned, Base):
    """What a server said, for refusals and deferrals only. Append-only, no foreign keys."""

    __tablename__ = "delivery_events"
    __table_args__ = (
        Index("ix_delivery_events_message_id", "message_id", "id"),
        Index("ix_delivery_events_campaign_id", "campaign_id", "id"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[Big]
    campaign_id: Mapped[Big]
    message_id: Mapped[Big]
    status: Mapped[MessageStatus] = mapped_column(choice(MessageStatus, "status"))
    """What the message became by it."""
    phase: Mapped[str] = mapped_column(Text, default="", server_default="")
    code: Mapped[int | None] = mapped_column(SmallInteger)
    enhanced: Mapped[str] = mapped_column(Text, default="", server_default="")
    reply: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[Created]


class LostWindow(Owned, Base):
    """What became unconfirmed because a worker died: its journal may still tell, later.

    A message is of the window as long as it is `unconfirmed` in this batch: whoever sends it again
    moves it to another one.
    """

    __tablename__ = "lost_windows"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaigns.workspace_id", "campaigns.id"],
            name="fk_lost_windows_campaign",
            ondelete="CASCADE",
        ),
        Index("ix_lost_windows_journal", "journal"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    batch_id: Mapped[Big]
    journal: Mapped[str] = mapped_column(Text)
    """The file name, which no two connections share."""
    message_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    created_at: Mapped[Created]
