"""Taking a bulk action back, some thousand recipients at a time.

What a person, a program or a server has changed since is spared: the later word stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, TextClause, delete, select, text, tuple_

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.arrays import any_id
from campaign_app.lib.tenancy import HasId
from campaign_app.models.recipient_bulk import Action, BulkAction, RecipientChange
from campaign_app.models.recipients import ConsentAction, Recipient, RecipientStatus
from campaign_app.services import consent, recipient_filter, suppressions
from campaign_app.services.consent import Why
from campaign_app.services.recipient_acts import ADDED, REMOVED, Deed

STEP = 2_000
KEPT = timedelta(days=30)
"""How long an action can be undone."""
FORGOTTEN_AT_ONCE = 10_000

_COLUMNS = ", ".join(
    f'"{column.name}"' for column in Recipient.__table__.columns if column.computed is None
)
_UNJOIN = text(
    """
    DELETE FROM group_members m USING recipient_changes c
    WHERE c.workspace_id = :workspace AND c.bulk_id = :bulk AND c.recipient_id = ANY(:ids)
      AND m.workspace_id = :workspace AND m.group_id = :group AND m.recipient_id = c.recipient_id
      AND m.created_at = c.changed_at
    """
)
_REJOIN = text(
    """
    INSERT INTO group_members (workspace_id, group_id, recipient_id, created_at)
    SELECT workspace_id, group_id, id, joined FROM (
        SELECT r.workspace_id, g.id AS group_id, r.id,
               (c.former ->> 'joined')::timestamptz AS joined
        FROM recipient_changes c
        JOIN recipients r ON r.workspace_id = :workspace AND r.id = c.recipient_id
        JOIN groups g ON g.workspace_id = :workspace AND g.id = :group
        WHERE c.workspace_id = :workspace AND c.bulk_id = :bulk AND c.recipient_id = ANY(:ids)
        ORDER BY r.id FOR KEY SHARE OF r, g) AS held
    ON CONFLICT DO NOTHING
    """
)
_TAGGED_AGAIN = """
    UPDATE recipients r SET tags = {tags}, updated_at = now()
    FROM (SELECT id FROM recipients
          WHERE workspace_id = :workspace AND id = ANY(:ids)
                AND {has} tags @> ARRAY[CAST(:tag AS text)]
          ORDER BY id FOR UPDATE) AS meant
    WHERE r.workspace_id = :workspace AND r.id = meant.id
    """
_UNTAG = text(_TAGGED_AGAIN.format(tags=REMOVED, has=""))
_RETAG = text(_TAGGED_AGAIN.format(tags=ADDED, has="NOT"))
# Whoever has opted out themselves since the action stays out.
_RESTORE_STATUS = text(
    """
    UPDATE recipients r
    SET status = c.former ->> 'status', status_at = (c.former ->> 'status_at')::timestamptz,
        status_reason = c.former ->> 'status_reason', updated_at = now()
    FROM (SELECT id FROM recipients WHERE workspace_id = :workspace AND id = ANY(:ids)
          ORDER BY id FOR UPDATE) AS meant
    JOIN recipient_changes c ON c.workspace_id = :workspace AND c.bulk_id = :bulk
                            AND c.recipient_id = meant.id
    WHERE r.workspace_id = :workspace AND r.id = meant.id
      AND r.status = :status AND r.status_at = c.changed_at
      AND NOT EXISTS (
          SELECT FROM consent_events e
          WHERE e.workspace_id = :workspace AND e.email = r.email
            AND e.action = 'unsubscribed' AND e.source <> 'page'
            AND e.created_at > c.changed_at)
    RETURNING r.email, r.status, c.former ->> 'suppressed' AS suppressed
    """
)
_UNSUPPRESS = text(
    """
    DELETE FROM suppressions s USING recipient_changes c
    WHERE c.workspace_id = :workspace AND c.bulk_id = :bulk AND c.recipient_id = ANY(:ids)
      AND s.workspace_id = :workspace AND s.email = c.email AND s.created_at = c.changed_at
    """
)
# An address that is on the list again belongs to whoever came back with it.
_RESTORE_WHOLE = text(
    f"""
    INSERT INTO recipients ({_COLUMNS}) OVERRIDING SYSTEM VALUE
    SELECT {", ".join(f"was.{name.strip()}" for name in _COLUMNS.split(","))}
    FROM recipient_changes c, jsonb_populate_record(NULL::recipients, c.former) AS was
    WHERE c.workspace_id = :workspace AND c.bulk_id = :bulk AND c.recipient_id = ANY(:ids)
      AND was.workspace_id = :workspace
    ORDER BY was.email
    ON CONFLICT DO NOTHING
    RETURNING id
    """  # noqa: S608 - the names of our own table's columns
)
_GROUPS_AGAIN = """
    INSERT INTO {table} (workspace_id, group_id, recipient_id, created_at)
    SELECT g.workspace_id, g.id, c.recipient_id, was.value::timestamptz
    FROM recipient_changes c,
         jsonb_each_text(coalesce(nullif(c.former -> '{key}', 'null'), '{{}}')) AS was
    JOIN groups g ON g.workspace_id = :workspace AND g.id = was.key::bigint
    WHERE c.workspace_id = :workspace AND c.bulk_id = :bulk AND c.recipient_id = ANY(:back)
    ORDER BY g.id, c.recipient_id
    ON CONFLICT DO NOTHING
    """
_REJOIN_ALL = text(_GROUPS_AGAIN.format(table="group_members", key="groups"))
# Whoever left a group of their own will is not put back by an old file either.
_REFUSE_ALL = text(_GROUPS_AGAIN.format(table="group_refusals", key="refused"))
# What the deletion itself had put there: whoever is on the list again says so by their status.
_LIFT = text(
    """
    DELETE FROM suppressions s USING recipient_changes c
    WHERE c.workspace_id = :workspace AND c.bulk_id = :bulk AND c.recipient_id = ANY(:back)
      AND s.workspace_id = :workspace AND s.email = c.email AND s.source = 'deleted'
      AND s.created_at = c.changed_at
    """
)

_PLAIN = {
    Action.JOIN: _UNJOIN,
    Action.LEAVE: _REJOIN,
    Action.TAG: _UNTAG,
    Action.UNTAG: _RETAG,
    Action.SUPPRESS: _UNSUPPRESS,
}


def step(workspace: HasId, deed: Deed) -> tuple[int, int]:
    """Take the next changes back: how many were restored and how many spared; 0 and 0 at the end.

    A change that has had its turn is forgotten.
    """
    ids = db.session.scalars(
        select(RecipientChange.recipient_id)
        .where(
            RecipientChange.workspace_id == workspace.id, RecipientChange.bulk_id == deed.bulk_id
        )
        .order_by(RecipientChange.recipient_id)
        .limit(STEP)
    ).all()
    restored = _restore(workspace, deed, ids) if ids else 0
    db.session.execute(
        delete(RecipientChange).where(
            RecipientChange.workspace_id == workspace.id,
            RecipientChange.bulk_id == deed.bulk_id,
            RecipientChange.recipient_id == any_id(ids),
        )
    )
    recipient_filter.forget_counts(workspace)
    return restored, len(ids) - restored


def forget_old() -> bool:
    """Forget what only an undo would need that nobody can ask for any more; False at the end.

    The caller commits, and serves every workspace.
    """
    old = select(BulkAction.id).where(BulkAction.created_at < clock.now() - KEPT)
    key = tuple_(RecipientChange.bulk_id, RecipientChange.recipient_id)
    some = (
        select(RecipientChange.bulk_id, RecipientChange.recipient_id)
        .where(RecipientChange.bulk_id.in_(old))
        .limit(FORGOTTEN_AT_ONCE)
    )
    gone = db.session.execute(
        delete(RecipientChange).where(key.in_(some)),
        execution_options={"all_workspaces": True, "synchronize_session": False},
    )
    return bool(cast("CursorResult[Any]", gone).rowcount)


def _restore(workspace: HasId, deed: Deed, ids: Sequence[int]) -> int:
    values = {"workspace": workspace.id, "bulk": deed.bulk_id, "ids": list(ids)}
    values |= {"group": deed.group_id, "tag": deed.tag}
    if deed.action in _PLAIN:
        return _run(_PLAIN[deed.action], values).rowcount
    if deed.action == Action.DELETE:
        back = _run(_RESTORE_WHOLE, values).scalars().all()
        _run(_REFUSE_ALL, values | {"back": back})
        _run(_REJOIN_ALL, values | {"back": back})
        _run(_LIFT, values | {"back": back})
        return len(back)
    return _restore_status(workspace, deed, values)


def _restore_status(workspace: HasId, deed: Deed, values: dict[str, object]) -> int:
    left = deed.action == Action.UNSUBSCRIBE
    now = RecipientStatus.UNSUBSCRIBED if left else RecipientStatus.SUBSCRIBED
    rows = _run(_RESTORE_STATUS, values | {"status": now.value}).all()
    why = Why("A bulk action was undone", "page", deed.user)
    for status in RecipientStatus:
        emails = [row.email for row in rows if row.status == status]
        if emails:
            consent.record(workspace, emails, ConsentAction(status.value), why)
    for reason in {row.suppressed for row in rows if row.suppressed is not None and not left}:
        again = [row.email for row in rows if row.suppressed == reason]
        suppressions.put(workspace, again, reason=reason, source=suppressions.BOUNCE)
    return len(rows)


def _run(statement: TextClause, values: dict[str, object]) -> CursorResult[Any]:
    """Run the statement with those of the values that it names."""
    named = {name: values[name] for name in statement.compile().params}
    return cast("CursorResult[Any]", db.session.execute(statement, named))
