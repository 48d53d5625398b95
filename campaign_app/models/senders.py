"""A workspace's SMTP accounts, and what paces them."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import Big, BigId, Created, When, WorkspaceId, choice, no_rows

HEAD_ROOM = 1.25
"""How much more than it did before a sender without a set pace may try, braked."""


class Security(StrEnum):
    """How the connection is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class SenderState(StrEnum):
    """`cooling` waits until a time by itself; `stopped` waits for a person."""

    ACTIVE = "active"
    COOLING = "cooling"
    STOPPED = "stopped"


class Sender(Owned, Base):
    """An SMTP account with its pace. Caps are messages per minute, hour and day; None = no cap."""

    __tablename__ = "senders"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "name"),
        CheckConstraint("delay_seconds >= 0", name="delay"),
        CheckConstraint("max_connections between 1 and 200", name="connections"),
        CheckConstraint("messages_per_connection >= 1", name="per_connection"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    name: Mapped[str] = mapped_column(Text)
    preset: Mapped[str] = mapped_column(Text, default="other", server_default="other")
    host: Mapped[str] = mapped_column(Text)
    port: Mapped[int]
    security: Mapped[Security] = mapped_column(choice(Security, "security"))
    username: Mapped[str] = mapped_column(Text, default="", server_default="")
    password_encrypted: Mapped[str] = mapped_column(Text, default="", server_default="")
    from_email: Mapped[str] = mapped_column(Text)
    from_name: Mapped[str] = mapped_column(Text, default="", server_default="")
    reply_to: Mapped[str] = mapped_column(Text, default="", server_default="")
    delay_seconds: Mapped[float] = mapped_column(Float, default=4.0, server_default="4")
    """The gap between two hand-overs, over all connections of the sender."""
    max_connections: Mapped[int] = mapped_column(default=1, server_default="1")
    messages_per_connection: Mapped[int] = mapped_column(default=50, server_default="50")
    per_minute: Mapped[int | None]
    per_hour: Mapped[int | None]
    per_day: Mapped[int | None]
    mark_subject: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Adds the `[CID:18]` tag by which bounces that lost their headers can be matched."""
    state: Mapped[SenderState] = mapped_column(
        choice(SenderState, "state"), default=SenderState.ACTIVE, server_default="active"
    )
    cooling_until: Mapped[When | None]
    cooling_tier: Mapped[int] = mapped_column(**no_rows())
    state_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The server's own words for why it cools or is stopped."""
    brake_rate: Mapped[float | None]
    """E-mails a minute that it slowed down to by itself; None while nothing brakes it."""
    brake_from: Mapped[float | None]
    """What it did a minute when it was last told to slow down."""
    brake_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The server's own words for why it slowed down."""
    braked_at: Mapped[When | None]
    brake_raised_at: Mapped[When | None]
    created_at: Mapped[Created]

    @property
    def set_rate(self) -> float | None:
        """E-mails a minute that its delay and its cap allow; None when they allow any number."""
        gap = max(self.delay_seconds, 60 / self.per_minute if self.per_minute else 0.0)
        return 60 / gap if gap else None

    @property
    def brake_goal(self) -> float:
        """E-mails a minute at which the brake is lifted: as it is set, or some more than it did."""
        return self.set_rate or (self.brake_from or 0.0) * HEAD_ROOM


class SenderSlot(Base):
    """The right to one SMTP connection: max_connections, enforced by winning a row.

    A number below zero is the right to mail confirmations, over a connection won besides.
    """

    __tablename__ = "sender_slots"

    sender_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("senders.id", ondelete="CASCADE"), primary_key=True
    )
    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fence: Mapped[Big] = mapped_column(**no_rows())
    lease_until: Mapped[When | None]
    worker: Mapped[str] = mapped_column(Text, default="", server_default="")


class SenderUsage(Base):
    """Messages handed over in one minute: what the minute, hour and day caps are counted from."""

    __tablename__ = "sender_usage"

    sender_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("senders.id", ondelete="CASCADE"), primary_key=True
    )
    minute: Mapped[When] = mapped_column(primary_key=True)
    handed_over: Mapped[int] = mapped_column(**no_rows())
