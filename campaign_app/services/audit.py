"""The activity log: who did what, in a sentence."""

from __future__ import annotations

from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.lib import logs, metrics
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.audit import AuditEntry
from campaign_app.models.people import User

log = logs.get(__name__)


def record(
    workspace: HasId,
    action: str,
    summary: str,
    *,
    user: User | None = None,
    subject_id: int | None = None,
) -> None:
    """Write a line of the log; `user` None means that Carillon itself acted."""
    who = user.id if user else None
    # The summary stays out of the process's own log: it has people's names and servers' words.
    log.info(action, workspace=workspace.id, subject=subject_id, user=who)
    metrics.activity(action)
    db.session.add(
        AuditEntry(
            workspace_id=workspace.id,
            user_id=who,
            action=action,
            subject_id=subject_id,
            summary=summary,
        )
    )


def recent(workspace: HasId, *, limit: int = 20) -> list[tuple[AuditEntry, str]]:
    """The latest lines, newest first, each with its user's name ("Carillon" for none)."""
    entries = db.session.scalars(
        owned_by(workspace, AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    ).all()
    users = {entry.user_id for entry in entries if entry.user_id}
    names = {
        row.id: row.name
        for row in db.session.execute(select(User.id, User.name).where(User.id.in_(users)))
    }
    return [(entry, names.get(entry.user_id or 0, "Carillon")) for entry in entries]
