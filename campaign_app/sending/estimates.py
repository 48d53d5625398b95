"""What PostgreSQL believes of an audience before it looks for it.

Its statistics are renewed when a tenth of a table has changed. Of a workspace that came since then
it expects one row, and the cheapest way to find who is in a group is then to compare every
recipient with every member: minutes for fifty thousand, hours for a million.
"""

from __future__ import annotations

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib import arrays, logs, patience
from campaign_app.services.audience_parts import Parts

log = logs.get(__name__)

MANY = 10_000
"""Places in groups whose search must not be planned by a guess."""
FEW = 100
"""Rows; whoever expects more compares by hashing."""

_MEMBERS = text(
    """
    EXPLAIN (FORMAT JSON) SELECT FROM group_members
    WHERE workspace_id = :workspace AND group_id = ANY(CAST(:groups AS bigint[]))
    """
)
_RECIPIENTS = text("EXPLAIN (FORMAT JSON) SELECT FROM recipients WHERE workspace_id = :workspace")
_ANALYZE = text("ANALYZE recipients, group_members")


def correct(parts: Parts) -> None:
    """Renew the statistics where they take a large audience for a tiny one; the caller commits."""
    if sum(parts.sizes.values()) < MANY:
        return
    values = {
        "workspace": parts.workspace.id,
        "groups": arrays.literal(parts.chosen.groups),
    }
    expected = [
        _rows(db.session.scalar(statement, values)) for statement in (_MEMBERS, _RECIPIENTS)
    ]
    if min(expected) < FEW:
        log.info("statistics renewed", workspace=parts.workspace.id)
        patience.without_end()
        db.session.execute(_ANALYZE)


def _rows(plan: list[dict[str, dict[str, int]]]) -> int:
    return plan[0]["Plan"]["Plan Rows"]
