"""What was refused, over all campaigns, grouped by the reason.

A message counts once, with what a server said about it last, and by what it is now: a refusal that
was delivered later, or is being tried again, is not held against anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, text

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.services import smtp_reasons
from campaign_app.services.smtp_reasons import Reason

PAGE_SIZE = 50
ROWS_AT_ONCE = 10_000
"""Of a page of an export: each looks for the last refusals of all anew."""
RETRYABLE = (CampaignStatus.COMPLETED, CampaignStatus.SENDING, CampaignStatus.PAUSED)

_LAST = """
    WITH last AS (
        SELECT DISTINCT ON (e.message_id) e.message_id, e.id, e.campaign_id, c.name AS campaign,
               c.status AS campaign_status, e.code, e.enhanced, e.reply, e.created_at,
               COALESCE(NULLIF(e.enhanced, ''), e.code::text, NULLIF(e.phase, ''), 'other') AS key
        FROM campaigns c JOIN delivery_events e ON e.campaign_id = c.id
        WHERE c.workspace_id = :workspace AND e.workspace_id = :workspace
          AND e.status IN ('failed', 'deferred', 'unconfirmed') AND e.created_at >= :since
          AND (CAST(:campaign AS bigint) IS NULL OR c.id = :campaign)
        ORDER BY e.message_id, e.id DESC)
"""
_GROUPS = text(
    _LAST  # noqa: S608  the parts are constants
    + """
    SELECT last.key, last.campaign_id, last.campaign, last.campaign_status, count(*) AS messages,
           count(*) FILTER (WHERE m.status = 'failed') AS failed,
           count(*) FILTER (WHERE m.status = 'deferred') AS waiting,
           count(*) FILTER (WHERE m.status = 'unconfirmed') AS unconfirmed,
           count(*) FILTER (WHERE m.status = 'sent') AS delivered,
           max(last.created_at) AS last_at, max(last.id) AS newest
    FROM last JOIN messages m ON m.id = last.message_id
    GROUP BY 1, 2, 3, 4
    """
)
_ROWS = text(
    _LAST  # noqa: S608  the parts are constants
    + """
    SELECT m.address, last.campaign, m.status, last.code, last.enhanced, last.key,
           CASE WHEN last.code IS NULL THEN '' ELSE last.reply END AS reply,
           CASE WHEN last.code IS NULL THEN last.reply ELSE '' END AS note,
           last.created_at, m.attempts, last.campaign_id, last.id AS event_id
    FROM last JOIN messages m ON m.id = last.message_id
    WHERE (CAST(:key AS text) IS NULL OR last.key = :key)
      AND (CAST(:before AS bigint) IS NULL OR last.id < :before)
    ORDER BY last.id DESC LIMIT CAST(:most AS bigint)
    """
)
_EXAMPLES = text(
    "SELECT id, code, reply FROM delivery_events WHERE workspace_id = :workspace AND id = ANY(:ids)"
)


@dataclass(slots=True)
class Tally:
    """Messages by what they are now."""

    messages: int = 0
    failed: int = 0
    waiting: int = 0
    """Refused for the moment: tried again by itself."""
    unconfirmed: int = 0
    delivered: int = 0
    """Delivered in spite of the refusal."""

    def add(self, row: RowMapping) -> None:
        for name in ("messages", "failed", "waiting", "unconfirmed", "delivered"):
            setattr(self, name, getattr(self, name) + row[name])


@dataclass(slots=True)
class Affected:
    """A campaign with failed messages, and how many."""

    campaign_id: int
    name: str
    retryable: bool
    failed: int = 0


@dataclass(slots=True)
class Group:
    """Refusals with the same reason. `key` is an enhanced code, a plain one, or a phase."""

    key: str
    reason: Reason
    tally: Tally = field(default_factory=Tally)
    last_at: datetime | None = None
    newest: int = 0
    example: str = ""
    """What a server said, with its code; empty when none said anything."""
    note: str = ""
    """What Carillon noted then."""


@dataclass(frozen=True, slots=True)
class Report:
    """The groups, and the campaigns they struck, the most failed first; and the sum of all."""

    groups: list[Group]
    campaigns: list[Affected]
    tally: Tally


class Failure(NamedTuple):
    """One refused message, with what was said about it last."""

    email: str
    campaign: str
    status: str
    code: int | None
    enhanced_code: str
    reason: str
    reply: str
    """The server's words; empty when it said nothing, and `note` holds Carillon's own."""
    note: str
    when: datetime
    attempts: int
    campaign_id: int
    event_id: int


def report(workspace: HasId, *, since: datetime, campaign_id: int | None = None) -> Report:
    """Everything refused since a moment, in all campaigns or in one."""
    groups: dict[str, Group] = {}
    campaigns: dict[int, Affected] = {}
    total = Tally()
    values = {"workspace": workspace.id, "since": since, "campaign": campaign_id}
    for row in db.session.execute(_GROUPS, values).mappings():
        group = groups.setdefault(row["key"], Group(row["key"], smtp_reasons.explain(row["key"])))
        _add(group, row)
        total.add(row)
        if row["failed"]:
            _struck(campaigns, row).failed += row["failed"]
    _give_examples(workspace, list(groups.values()))
    return Report(
        sorted(groups.values(), key=lambda one: (-one.tally.failed, -one.tally.messages)),
        sorted(campaigns.values(), key=lambda one: -one.failed),
        total,
    )


def messages(
    workspace: HasId,
    key: str,
    *,
    since: datetime,
    campaign_id: int | None = None,
    before: int | None = None,
    size: int = PAGE_SIZE,
) -> tuple[list[Failure], int | None]:
    """Some messages of a group, the latest refusal first, and where the next ones begin."""
    values = {"key": key, "before": before, "most": size + 1}
    found = list(_failures(workspace, since, campaign_id, values))
    more = len(found) > size
    return found[:size], found[size - 1].event_id if more else None


def every(
    workspace: HasId, *, since: datetime, campaign_id: int | None = None
) -> Iterator[Failure]:
    """All refused messages, read page by page: rows of an exported file."""
    before: int | None = None
    while True:
        values = {"key": None, "before": before, "most": ROWS_AT_ONCE}
        page = list(_failures(workspace, since, campaign_id, values))
        if not page:
            return
        yield from page
        before = page[-1].event_id


def _failures(
    workspace: HasId, since: datetime, campaign_id: int | None, values: dict[str, Any]
) -> Iterator[Failure]:
    found = db.session.execute(
        _ROWS,
        {"workspace": workspace.id, "since": since, "campaign": campaign_id, **values},
    )
    for row in found:
        failure = Failure(*row)
        yield failure._replace(reason=smtp_reasons.explain(failure.reason).title)


def _add(group: Group, row: RowMapping) -> None:
    group.tally.add(row)
    if row["newest"] > group.newest:
        group.newest, group.last_at = row["newest"], row["last_at"]


def _struck(campaigns: dict[int, Affected], row: RowMapping) -> Affected:
    retryable = row["campaign_status"] in RETRYABLE
    found = Affected(row["campaign_id"], row["campaign"], retryable)
    return campaigns.setdefault(row["campaign_id"], found)


def _give_examples(workspace: HasId, groups: Sequence[Group]) -> None:
    ids = [group.newest for group in groups]
    rows = db.session.execute(_EXAMPLES, {"workspace": workspace.id, "ids": ids})
    events = {row.id: row for row in rows}
    for group in groups:
        event = events[group.newest]
        if event.code is None:
            group.note = event.reply
        else:
            group.example = f"{event.code} {event.reply}".strip()
