"""API tokens: a program's keys to a workspace."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from campaign_app.extensions import db
from campaign_app.lib import clock, secrets
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.tenancy import get_owned
from campaign_app.models.people import ApiToken, User, Workspace
from campaign_app.services import audit

MAX_NAME = 100


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
