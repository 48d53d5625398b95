"""Signing up by a form: what a form says, who asked by it, and what awaits a confirmation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import BigId, Created, When, WorkspaceId, no_rows


class SignupForm(Owned, Base):
    """A group's sign-up form, as it is now."""

    __tablename__ = "signup_forms"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "group_id"),
        ForeignKeyConstraint(
            ["workspace_id", "group_id"],
            ["groups.workspace_id", "groups.id"],
            name="fk_signup_forms_group",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["workspace_id", "sender_id"],
            ["senders.workspace_id", "senders.id"],
            name="fk_signup_forms_sender",
        ),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    group_id: Mapped[int] = mapped_column(BigInteger)
    sender_id: Mapped[int | None] = mapped_column(BigInteger)
    """Sends the confirmation mails; without one the form is closed."""
    is_open: Mapped[bool] = mapped_column(default=True, server_default="true")
    title: Mapped[str] = mapped_column(Text)
    intro: Mapped[str] = mapped_column(Text, default="", server_default="")
    consent: Mapped[str] = mapped_column(Text)
    """The sentence that whoever signs up agrees to."""
    thanks: Mapped[str] = mapped_column(Text, default="", server_default="")
    ask_name: Mapped[bool] = mapped_column(default=True, server_default="true")
    attributes: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default=sql("'[]'"))
    """Attributes that the form asks for, in its order."""
    next_url: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The owner's own page that the thanks lead on to."""
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    """Raised by each change of what its readers see."""
    created_at: Mapped[Created]


class SignupWording(Owned, Base):
    """What a form said in one of its versions: the proof of what somebody has agreed to."""

    __tablename__ = "signup_wordings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "form_id"],
            ["signup_forms.workspace_id", "signup_forms.id"],
            name="fk_signup_wordings_form",
            ondelete="CASCADE",
        ),
    )

    form_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    workspace_id: Mapped[WorkspaceId]
    words: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """title, intro, consent, ask_name, attributes."""
    created_at: Mapped[Created]


class Signup(Owned, Base):
    """Somebody asked to be on the list, and has to confirm it by the mail that we send."""

    __tablename__ = "signups"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "form_id"],
            ["signup_forms.workspace_id", "signup_forms.id"],
            name="fk_signups_form",
            ondelete="CASCADE",
        ),
        Index(
            "uq_signups_open",
            "form_id",
            "email",
            unique=True,
            postgresql_where=sql("confirmed_at IS NULL"),
        ),
        Index("ix_signups_mail_at", "mail_at", postgresql_where=sql("mail_at IS NOT NULL")),
        Index("ix_signups_email", "workspace_id", "email"),
        Index("ix_signups_asked_at", "asked_at"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    form_id: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int]
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text, default="", server_default="")
    attributes: Mapped[dict[str, Any]] = mapped_column(
        JSONB, default=dict, server_default=sql("'{}'")
    )
    asked_at: Mapped[Created]
    ip: Mapped[str] = mapped_column(Text, default="", server_default="")
    mail_at: Mapped[When | None]
    """When the mail is due, or tried again; None once a server took it, or when it is given up."""
    attempts: Mapped[int] = mapped_column(SmallInteger, **no_rows())
    mailed_at: Mapped[When | None]
    mails: Mapped[int] = mapped_column(SmallInteger, **no_rows())
    """How often this request was mailed, or asked for again."""
    problem: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Why the last attempt failed, in the server's words."""
    confirmed_at: Mapped[When | None]
