"""What PostgreSQL believes of an audience before it looks for it.

Its statistics are renewed when a tenth of a table has changed. Of a workspace that came since then
it expects one row, and the cheapest way to find who is in a group is then to compare every
recipient with every member: minutes for fifty thousand, hours for a million.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib import arrays, logs, patience
from campaign_app.services.audience_parts import Parts

log = logs.get(__name__)

MANY = 10_000
"""Places in groups whose search must not be planned by a guess."""
FAR = 100
"""Times fewer rows than there are known to be; whoever expects more compares by hashing."""

_MEMBERS = text(
    """
    EXPLAIN (FORMAT JSON) SELECT FROM group_members
    WHERE workspace_id = :workspace AND group_id = ANY(CAST(:groups AS bigint[]))
    """
)
_RECIPIENTS = text("EXPLAIN (FORMAT JSON) SELECT FROM recipients WHERE workspace_id = :workspace")
_RENEWED = text(
    """
    SELECT min(greatest(last_analyze, last_autoanalyze)) FROM pg_stat_user_tables
    WHERE relid IN (CAST('recipients' AS regclass), CAST('group_members' AS regclass))
    HAVING count(greatest(last_analyze, last_autoanalyze)) = 2
    """
)
_ANALYZE = text("ANALYZE recipients, group_members")


def correct(parts: Parts, *, started_at: datetime | None) -> None:
    """Renew the statistics where they take a large audience for a tiny one; the caller commits.

    Not again where that was done since the campaign started: what they still say, they say of a
    table in which the audience is too small a part to be told.
    """
    places = sum(parts.sizes.values())
    if places >= MANY and not _knows(started_at) and _is_misjudged(parts, places):
        log.info("statistics renewed", workspace=parts.workspace.id)
        patience.without_end()
        db.session.execute(_ANALYZE)


def _knows(started_at: datetime | None) -> bool:
    renewed = db.session.scalar(_RENEWED)
    return bool(started_at and renewed and renewed >= started_at)


def _is_misjudged(parts: Parts, places: int) -> bool:
    """Whether far fewer rows are expected than the groups' sizes say; a list is no smaller than
    its largest group.
    """
    values = {
        "workspace": parts.workspace.id,
        "groups": arrays.literal(parts.chosen.groups),
    }
    known = ((_MEMBERS, places), (_RECIPIENTS, max(parts.sizes.values())))
    return any(
        _rows(db.session.scalar(statement, values)) * FAR < rows for statement, rows in known
    )


def _rows(plan: list[dict[str, dict[str, int]]]) -> int:
    return plan[0]["Plan"]["Plan Rows"]
