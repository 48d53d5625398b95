"""Who may enter: users, their workspaces, memberships and API tokens."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import BigId, Created, When, WorkspaceId, choice, no_rows


class Role(StrEnum):
    """What a member may do: an owner everything, an editor all but people, a viewer only look."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class User(Base):
    """A person who signs in. `email` is case-folded and unique."""

    __tablename__ = "users"

    id: Mapped[BigId]
    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text, unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    time_zone: Mapped[str] = mapped_column(Text, default="UTC", server_default="UTC")
    session_version: Mapped[int] = mapped_column(**no_rows())
    """Raised with each change of password: sessions of an older version are over."""
    created_at: Mapped[Created]
    last_login_at: Mapped[When | None]

    # What Flask-Login asks of a user; its mixin is untyped, and only these are used.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """The session's name for this user, void after a change of password."""
        return f"{self.id}:{self.session_version}"


class Workspace(Base):
    """A tenant: everything else belongs to one."""

    __tablename__ = "workspaces"

    id: Mapped[BigId]
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]


class Membership(Owned, Base):
    """A user's place in a workspace."""

    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("workspace_id", "user_id"),)

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[Role] = mapped_column(choice(Role, "role"))
    created_at: Mapped[Created]

    workspace: Mapped[Workspace] = relationship()
    user: Mapped[User] = relationship()


class ApiToken(Owned, Base):
    """A program's key to one workspace. Only its SHA-256 is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(Text)
    token_digest: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[Created]
    last_used_at: Mapped[When | None]
    revoked_at: Mapped[When | None]
