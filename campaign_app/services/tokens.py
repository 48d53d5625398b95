"""API tokens: a program's keys to a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, select, update

from campaign_app.extensions import db
from campaign_app.lib import clock, secrets
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.tenancy import get_owned
from campaign_app.models.people import ApiToken, Membership, Role, User, Workspace
from campaign_app.services import audit

MAX_NAME = 100
USE_NOTED = timedelta(minutes=1)
"""How exactly the last use is known: noting each would write a row with every request."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A token, what it opens, and as whom: its maker, in their present role there."""

    token: ApiToken
    user: User
    workspace: Workspace
    role: Role


def holder(plain: str) -> Holder | None:
    """Who holds this token; None when it is unknown, revoked, or its maker is no member now."""
    found = db.session.execute(
        select(ApiToken, User, Workspace, Membership.role)
        .join(User, User.id == ApiToken.user_id)
        .join(Workspace, Workspace.id == ApiToken.workspace_id)
        .join(
            Membership,
            and_(
                Membership.workspace_id == ApiToken.workspace_id,
                Membership.user_id == ApiToken.user_id,
            ),
        )
        .where(ApiToken.token_digest == secrets.digest(plain), ApiToken.revoked_at.is_(None))
        .execution_options(all_workspaces=True)  # the token says which workspace it opens
    ).one_or_none()
    if found is None:
        return None
    return Holder(*found)


def note_use(token: ApiToken) -> bool:
    """Remember that the token is in use; False while that is known already."""
    if token.last_used_at is not None and token.last_used_at > clock.now() - USE_NOTED:
        return False
    token.last_used_at = clock.now()
    return True


def create(workspace: Workspace, *, user: User, name: str) -> tuple[ApiToken, str]:
    """A new token that acts as `user`, and its text: shown once, never kept. Raises Invalid."""
    label = " ".join(name.split())
    if not label or len(label) > MAX_NAME:
        raise Invalid("Name the program that will use it, in 1 to 100 characters.", field="name")
    plain, digest = secrets.new_token()
    token = ApiToken(workspace_id=workspace.id, user_id=user.id, name=label, token_digest=digest)
    db.session.add(token)
    db.session.flush()
    summary = f"{user.name} created the API token “{label}”"
    audit.record(workspace, "token.created", summary, user=user, subject_id=token.id)
    return token, plain


def standing(workspace: Workspace) -> Sequence[tuple[ApiToken, str]]:
    """The tokens that open the workspace, newest first, each with its maker's name."""
    rows = db.session.execute(
        select(ApiToken, User.name)
        .join(User, User.id == ApiToken.user_id)
        .where(ApiToken.workspace_id == workspace.id, ApiToken.revoked_at.is_(None))
        .order_by(ApiToken.id.desc())
    )
    return [(token, name) for token, name in rows]


def revoke(workspace: Workspace, token_id: int, *, user: User) -> ApiToken:
    """End a token for good. Raises NotFound, or Conflict when somebody has already done so."""
    token = get_owned(workspace, ApiToken, token_id)
    won = db.session.scalar(
        update(ApiToken)
        .where(
            ApiToken.workspace_id == workspace.id,
            ApiToken.id == token.id,
            ApiToken.revoked_at.is_(None),
        )
        .values(revoked_at=clock.now())
        .returning(ApiToken.id)
    )
    if won is None:
        raise Conflict("This token has already been revoked.")
    summary = f"{user.name} revoked the API token “{token.name}”"
    audit.record(workspace, "token.revoked", summary, user=user, subject_id=token.id)
    return token
