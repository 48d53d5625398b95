"""The counts of live pages, which are asked for every few seconds.

`progress.counts` reads every batch of a campaign: exact, and quick enough for some hundred thousand
messages. Beyond, the sum over the batches that ended a moment ago is kept for some seconds, and
only what has moved since is read: a millisecond for a million messages. Nothing but the pages
may use these numbers: when an old refusal is tried again, they are up to KEPT_SECONDS behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import TextClause, text

from campaign_app.extensions import db
from campaign_app.lib.kept import kept
from campaign_app.lib.tenancy import HasId
from campaign_app.services import progress
from campaign_app.services.progress import SUMMED, Countable, Counts

SMALL = 200_000
"""Messages up to which every batch is read."""
KEPT_SECONDS = 10

# A batch that nobody ever claimed (fence 0) has done nothing, and what is under way has an index
# of its own: no poll reads the thousands of batches whose turn has not come. The margin of five
# seconds is for transactions that have set `finished_at` and are not committed yet.
_ENDED = text(
    f"""
    SELECT extract(epoch FROM now() - interval '5 seconds')::float AS until,
           {", ".join(f"COALESCE(sum({name}), 0) AS {name}" for name in SUMMED)}
    FROM batches
    WHERE workspace_id = :workspace AND campaign_id = :campaign
      AND finished_at <= now() - interval '5 seconds'
    """  # noqa: S608  the columns are constants
)
_MOVING = text(
    f"""
    SELECT {", ".join(f"COALESCE(sum({name}), 0) AS {name}" for name in SUMMED)}
    FROM (
        SELECT * FROM batches
        WHERE workspace_id = :workspace AND campaign_id = :campaign
          AND finished_at > to_timestamp(:until)
        UNION ALL
        SELECT * FROM batches
        WHERE workspace_id = :workspace AND campaign_id = :campaign
          AND finished_at IS NULL AND fence > 0) AS moving
    """  # noqa: S608  the columns are constants
)
_DAY_ENDED = text(
    """
    SELECT extract(epoch FROM now() - interval '5 seconds')::float AS until,
           COALESCE(sum(sent), 0) AS sent, COALESCE(sum(failed), 0) AS failed
    FROM batches
    WHERE workspace_id = :workspace AND finished_at >= :since
      AND finished_at <= now() - interval '5 seconds'
    """
)


def of(workspace: HasId, campaigns: Sequence[Countable]) -> dict[int, Counts]:
    """The counts of these campaigns, by their ids."""
    large = [one for one in campaigns if one.final_counts is None and one.total > SMALL]
    found = {one.id: _large(workspace, one) for one in large}
    return found | progress.counts(workspace, [one for one in campaigns if one.id not in found])


def ended_since(workspace: HasId, moment: datetime) -> dict[str, float]:
    """What batches that ended since `moment` (midnight, say) have `sent`, and what `failed` there.

    As of some seconds ago: `until`, in epoch seconds.
    """
    return _numbers(_DAY_ENDED, {"workspace": workspace.id, "since": moment})


def _large(workspace: HasId, campaign: Countable) -> Counts:
    whose = {"workspace": workspace.id, "campaign": campaign.id}
    key = f"live:batches:{workspace.id}:{campaign.id}"
    ended = kept(key, KEPT_SECONDS, lambda: _numbers(_ENDED, whose))
    moving = _numbers(_MOVING, whose | {"until": ended["until"]})
    sums = {name: int(ended[name] + moving[name]) for name in SUMMED}
    return progress.from_sums(campaign.total, sums)


def _numbers(statement: TextClause, values: Mapping[str, object]) -> dict[str, float]:
    row = db.session.execute(statement, values).mappings().one()
    return {name: float(value) for name, value in row.items()}
