"""What a bulk action does to some hundred recipients, noting what would take it back.

Each act is set-based, in the caller's transaction, and may be repeated: whom it has changed already
it finds changed, and passes over.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import TextClause, select, text
from sqlalchemy.dialects.postgresql import insert

from campaign_app.extensions import db
from campaign_app.lib.arrays import any_id
from campaign_app.lib.tenancy import HasId
from campaign_app.models.people import User
from campaign_app.models.recipient_bulk import Action, RecipientChange
from campaign_app.models.recipients import Recipient
from campaign_app.services import consent, group_joining, recipients, suppressions


@dataclass(frozen=True, slots=True)
class Deed:
    """An action as it is carried out: on whose behalf, and with what it needs to know."""

    bulk_id: int
    action: Action
    user: User | None
    group_id: int | None = None
    tag: str = ""
    reason: str = ""


_JOIN = text(
    f"""
    WITH joined AS ({group_joining.JOINING} RETURNING recipient_id)
    INSERT INTO recipient_changes (bulk_id, recipient_id, workspace_id)
    SELECT b.id, joined.recipient_id, b.workspace_id FROM joined
    JOIN bulk_actions b ON b.workspace_id = :workspace AND b.id = :bulk
    """  # noqa: S608 - our own statement
)
_LEAVE = text(
    """
    WITH gone AS (
        DELETE FROM group_members m USING (
            SELECT recipient_id FROM group_members
            WHERE workspace_id = :workspace AND group_id = :group AND recipient_id = ANY(:ids)
            ORDER BY recipient_id FOR UPDATE) AS held
        WHERE m.workspace_id = :workspace AND m.group_id = :group
          AND m.recipient_id = held.recipient_id
        RETURNING m.recipient_id, m.created_at
    )
    INSERT INTO recipient_changes (bulk_id, recipient_id, workspace_id, former)
    SELECT :bulk, recipient_id, :workspace, jsonb_build_object('joined', created_at) FROM gone
    """
)
_TAGGED = """
    WITH tagged AS (
        UPDATE recipients r SET tags = {tags}, updated_at = now()
        FROM (SELECT id FROM recipients
              WHERE workspace_id = :workspace AND id = ANY(:ids)
                AND {has} tags @> ARRAY[CAST(:tag AS text)]
              ORDER BY id FOR UPDATE) AS meant
        WHERE r.workspace_id = :workspace AND r.id = meant.id
        RETURNING r.id
    )
    INSERT INTO recipient_changes (bulk_id, recipient_id, workspace_id)
    SELECT :bulk, id, :workspace FROM tagged
    """
ADDED = """(
        SELECT array_agg(DISTINCT one COLLATE "C" ORDER BY one COLLATE "C")
        FROM unnest(r.tags || CAST(:tag AS text)) AS t(one))"""
REMOVED = "array_remove(r.tags, CAST(:tag AS text))"
_TAG = text(_TAGGED.format(tags=ADDED, has="NOT"))
_UNTAG = text(_TAGGED.format(tags=REMOVED, has=""))
# Locked in one order for everybody, so that two writers never deadlock.
_REMEMBER_STATUS = text(
    """
    INSERT INTO recipient_changes (bulk_id, recipient_id, workspace_id, former)
    SELECT :bulk, r.id, :workspace,
           jsonb_build_object('status', r.status, 'status_at', r.status_at,
                              'status_reason', r.status_reason, 'suppressed', s.reason)
    FROM (SELECT id, email, status, status_at, status_reason FROM recipients
          WHERE workspace_id = :workspace AND id = ANY(:ids) AND status = ANY(:start)
          ORDER BY id FOR UPDATE) AS r
    LEFT JOIN suppressions s
        ON s.workspace_id = :workspace AND s.email = r.email AND s.source = :bounce
    """
)
_STAMP = text(
    """
    UPDATE recipient_changes c SET changed_at = r.status_at
    FROM recipients r
    WHERE c.workspace_id = :workspace AND c.bulk_id = :bulk AND c.recipient_id = ANY(:ids)
      AND r.workspace_id = :workspace AND r.id = c.recipient_id
    """
)
_REMEMBER_WHOLE = text(
    """
    INSERT INTO recipient_changes (bulk_id, recipient_id, workspace_id, email, former)
    SELECT :bulk, r.id, :workspace, r.email,
           to_jsonb(r) || jsonb_build_object(
               'groups', (
                   SELECT jsonb_object_agg(group_id, created_at) FROM group_members
                   WHERE workspace_id = :workspace AND recipient_id = r.id),
               'refused', (
                   SELECT jsonb_object_agg(group_id, created_at) FROM group_refusals
                   WHERE workspace_id = :workspace AND recipient_id = r.id))
    FROM (SELECT * FROM recipients
          WHERE workspace_id = :workspace AND id = ANY(:ids) ORDER BY id FOR UPDATE) AS r
    """
)
# At once for all, before each recipient's deletion would take its own, one after the other.
_LEAVE_ALL = text(
    """
    DELETE FROM group_members WHERE workspace_id = :workspace AND recipient_id = ANY(:ids)
    """
)

_PLAIN = {Action.JOIN: _JOIN, Action.LEAVE: _LEAVE, Action.TAG: _TAG, Action.UNTAG: _UNTAG}


def apply(workspace: HasId, deed: Deed, ids: Collection[int]) -> int:
    """Do it to these recipients, as far as they are the workspace's; gives how many it changed."""
    if deed.action in _PLAIN:
        return _run(_PLAIN[deed.action], workspace, deed, ids)
    if deed.action == Action.DELETE:
        _run(_REMEMBER_WHOLE, workspace, deed, ids)
        _run(_LEAVE_ALL, workspace, deed, ids)
        return recipients.delete_all(workspace, ids)
    if deed.action == Action.SUPPRESS:
        return _suppress(workspace, deed, ids)
    return _change_status(workspace, deed, ids)


def _change_status(workspace: HasId, deed: Deed, ids: Collection[int]) -> int:
    leaving = deed.action == Action.UNSUBSCRIBE
    move = consent.UNSUBSCRIBE if leaving else consent.RESUBSCRIBE
    _run(_REMEMBER_STATUS, workspace, deed, ids, start=[status.value for status in move.start])
    change = consent.unsubscribe_all if leaving else consent.resubscribe_all
    changed = change(workspace, ids, reason=deed.reason, source="page", user=deed.user)
    _run(_STAMP, workspace, deed, ids)
    return changed


def _suppress(workspace: HasId, deed: Deed, ids: Collection[int]) -> int:
    people = db.session.execute(
        select(Recipient.id, Recipient.email)
        .where(Recipient.workspace_id == workspace.id, Recipient.id == any_id(ids))
        .order_by(Recipient.email)
    ).all()
    emails = [row.email for row in people]
    known = suppressions.contains(workspace, emails)
    new = [row for row in people if row.email not in known]
    reason = deed.reason or "Suppressed by hand"
    suppressions.put(workspace, [row.email for row in new], reason=reason, source="page")
    if new:
        whose = {"bulk_id": deed.bulk_id, "workspace_id": workspace.id}
        rows = [{**whose, "recipient_id": row.id, "email": row.email} for row in new]
        db.session.execute(insert(RecipientChange), rows)
    return len(new)


def _run(
    statement: TextClause, workspace: HasId, deed: Deed, ids: Collection[int], **more: object
) -> int:
    """Run one of the statements with those of the values that it names; how many rows it wrote."""
    values = {
        "workspace": workspace.id,
        "bulk": deed.bulk_id,
        "ids": list(ids),
        "group": deed.group_id,
        "tag": deed.tag,
        "bounce": suppressions.BOUNCE,
        **more,
    }
    named = {name: values[name] for name in statement.compile().params}
    return int(db.session.execute(statement, named).rowcount)  # type: ignore[attr-defined]
