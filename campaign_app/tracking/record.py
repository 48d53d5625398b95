"""Writing hits down: the raw events, the first open and click of a message, the charts' buckets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import compress
from typing import Any

from sqlalchemy import Row, text

from campaign_app.extensions import db
from campaign_app.lib import arrays
from campaign_app.tracking import machines
from campaign_app.tracking.events import LONGEST_AGENT, UNKNOWN_LINK, Hit

BUCKET_SECONDS = 300
_LIMITS = {"bucket": timedelta(seconds=BUCKET_SECONDS), "too_soon": machines.TOO_SOON}

# In the order of their ids, so that two writers never wait for each other. Whoever was opened
# before and clicks nothing now changes no more, and needs no lock.
_LOCK = text(
    """
    SELECT count(*) FROM (
        SELECT id FROM messages
        WHERE id = ANY(CAST(:messages AS bigint[]))
          AND (opened_at IS NULL OR id = ANY(CAST(:clicked AS bigint[])))
        ORDER BY id FOR NO KEY UPDATE) AS locked
    """
)
# All of it in one statement: nothing is read into Python but a row for each campaign's bucket.
# Messages are read in one walk through their index and updated at their place (ctid), where the
# lock that the statement before has taken holds them: no walk down the index for each.
_WRITE = text(
    """
    WITH mail AS MATERIALIZED (
        SELECT id, ctid AS place, workspace_id, campaign_id, sent_at, opened_at, clicked_at
        FROM messages WHERE id = ANY(CAST(:messages AS bigint[]))
    ), hit AS MATERIALIZED (
        SELECT m.id, m.place, m.workspace_id, m.campaign_id, m.opened_at, m.clicked_at,
               k.link, to_timestamp(e.at) AS at, e.times,
               CASE WHEN k.reason <> '' THEN k.reason
                    WHEN m.sent_at IS NULL OR to_timestamp(e.at) < m.sent_at + :too_soon
                    THEN 'too soon'
                    WHEN k.link > 0 AND m.id = ANY(CAST(:scanned AS bigint[])) THEN 'every link'
                    ELSE '' END AS reason,
               k.agent, k.ip
        FROM unnest(CAST(:messages AS bigint[]), CAST(:kinds AS int[]), CAST(:ats AS float8[]),
                    CAST(:times AS int[])) AS e(message, kind, at, times)
        JOIN unnest(CAST(:links AS int[]), CAST(:reasons AS text[]), CAST(:agents AS text[]),
                    CAST(:addresses AS text[]))
             WITH ORDINALITY AS k(link, reason, agent, ip, number) ON k.number = e.kind
        JOIN mail m ON m.id = e.message
    ), opens AS (
        INSERT INTO open_events (workspace_id, campaign_id, message_id, machine_reason,
                                 user_agent, ip, times, created_at)
        SELECT workspace_id, campaign_id, id, reason, agent, ip, times, at
        FROM hit WHERE link = 0
    ), clicks AS (
        INSERT INTO click_events (workspace_id, campaign_id, message_id, link_number,
                                  machine_reason, user_agent, ip, times, created_at)
        SELECT workspace_id, campaign_id, id, link, reason, agent, ip, times, at
        FROM hit WHERE link > 0
    ), first AS (
        SELECT id, place, workspace_id, campaign_id,
               min(at) FILTER (WHERE opened_at IS NULL) AS opened_at,
               min(at) FILTER (WHERE clicked_at IS NULL AND link > 0) AS clicked_at
        FROM hit
        WHERE reason = '' AND (opened_at IS NULL OR (clicked_at IS NULL AND link > 0))
        GROUP BY id, place, workspace_id, campaign_id
    ), noted AS (
        UPDATE messages m
        SET opened_at = COALESCE(m.opened_at, f.opened_at),
            clicked_at = COALESCE(m.clicked_at, f.clicked_at)
        FROM first f WHERE m.ctid = f.place
    ), visited AS (
        SELECT v.campaign_id, v.link, sum(v.times) AS clicks,
               count(DISTINCT v.id) FILTER (WHERE NOT EXISTS (
                   SELECT 1 FROM click_events e
                   WHERE e.message_id = v.id AND e.link_number = v.link
                     AND e.machine_reason = '')) AS firsts
        FROM hit v WHERE v.link > 0 AND v.reason = ''
        GROUP BY v.campaign_id, v.link
    ), followed AS (
        UPDATE links l
        SET clicks = l.clicks + v.clicks, unique_clicks = l.unique_clicks + v.firsts
        FROM (SELECT own.id, visited.clicks, visited.firsts
              FROM visited
              JOIN links own ON own.campaign_id = visited.campaign_id AND own.number = visited.link
              ORDER BY own.id FOR NO KEY UPDATE OF own) AS v
        WHERE l.id = v.id
    ), counted AS (
        SELECT workspace_id, campaign_id, at,
               times * (link = 0 AND reason = '')::int AS opens, 0 AS unique_opens,
               times * (link = 0 AND reason <> '')::int AS machine_opens,
               times * (link > 0 AND reason = '')::int AS clicks, 0 AS unique_clicks,
               times * (link > 0 AND reason <> '')::int AS machine_clicks
        FROM hit
        UNION ALL
        SELECT workspace_id, campaign_id, opened_at, 0, 1, 0, 0, 0, 0
        FROM first WHERE opened_at IS NOT NULL
        UNION ALL
        SELECT workspace_id, campaign_id, clicked_at, 0, 0, 0, 0, 1, 0
        FROM first WHERE clicked_at IS NOT NULL
    )
    SELECT workspace_id, campaign_id, date_bin(:bucket, at, to_timestamp(0)) AS bucket,
           sum(opens) AS opens, sum(unique_opens) AS unique_opens,
           sum(machine_opens) AS machine_opens, sum(clicks) AS clicks,
           sum(unique_clicks) AS unique_clicks, sum(machine_clicks) AS machine_clicks
    FROM counted GROUP BY 1, 2, 3
    """
)
_BUCKETS = text(
    """
    INSERT INTO engagement (workspace_id, campaign_id, bucket, opens, unique_opens, machine_opens,
                            clicks, unique_clicks, machine_clicks, unsubscribes)
    SELECT * FROM unnest(
        CAST(:workspaces AS bigint[]), CAST(:campaigns AS bigint[]),
        CAST(:buckets AS timestamptz[]),
        CAST(:opens AS int[]), CAST(:unique_opens AS int[]), CAST(:machine_opens AS int[]),
        CAST(:clicks AS int[]), CAST(:unique_clicks AS int[]), CAST(:machine_clicks AS int[]),
        CAST(:unsubscribes AS int[]))
    ON CONFLICT (campaign_id, bucket) DO UPDATE SET
        opens = engagement.opens + excluded.opens,
        unique_opens = engagement.unique_opens + excluded.unique_opens,
        machine_opens = engagement.machine_opens + excluded.machine_opens,
        clicks = engagement.clicks + excluded.clicks,
        unique_clicks = engagement.unique_clicks + excluded.unique_clicks,
        machine_clicks = engagement.machine_clicks + excluded.machine_clicks,
        unsubscribes = engagement.unsubscribes + excluded.unsubscribes
    """
)
COUNTED = (
    "opens",
    "unique_opens",
    "machine_opens",
    "clicks",
    "unique_clicks",
    "machine_clicks",
    "unsubscribes",
)

Bucket = tuple[int, int, datetime]
Kind = tuple[str, str, str, int]
"""Method, user agent, address and link: a write has few kinds of hits on many messages."""
Same = tuple[int, int, int]
"""Message, number of the kind, and second: what makes two hits the same."""


def write(hits: Sequence[Hit]) -> None:
    """Write hits down in one transaction and commit; those of unknown messages are left out.

    The same program's hits on one thing within one second become one event with their number;
    every count counts each of them.
    """
    columns = _columns(hits)
    db.session.execute(_LOCK, columns)
    _add_to_buckets(_counts(db.session.execute(_WRITE, columns)))
    db.session.commit()


def count_unsubscribe(*, workspace_id: int, campaign_id: int, at: datetime) -> None:
    """Count an opt-out for the campaign's charts; the caller commits."""
    bucket = datetime.fromtimestamp(at.timestamp() // BUCKET_SECONDS * BUCKET_SECONDS, at.tzinfo)
    counts = dict.fromkeys(COUNTED, 0) | {"unsubscribes": 1}
    _add_to_buckets({(workspace_id, campaign_id, bucket): counts})


def _columns(hits: Sequence[Hit]) -> dict[str, Any]:
    """What the statements ask for: a row for each hit that differs, and the kinds of hits.

    The loops over the hits run in C: the web server's Python waits for as long as ours runs.
    """
    messages, ats, methods, agents, ips, links = zip(*hits, strict=True)
    kinds = list(zip(methods, agents, ips, links, strict=True))
    numbers = {kind: number for number, kind in enumerate(dict.fromkeys(kinds), start=1)}
    moments = {at: at.timestamp() for at in dict.fromkeys(ats)}
    seconds = {at: int(moment) for at, moment in moments.items()}
    same: list[Same] = list(
        zip(messages, map(numbers.__getitem__, kinds), map(seconds.__getitem__, ats), strict=True)
    )
    times = Counter(same)
    first = dict(zip(reversed(same), reversed(ats), strict=True))
    seen = sorted(times)  # by message: neighbours share the index's pages
    ids, of_kinds, _ = zip(*seen, strict=True)
    return (
        _LIMITS
        | _described(numbers)
        | {
            "messages": arrays.literal(ids),
            "kinds": arrays.literal(of_kinds),
            "ats": arrays.literal(moments[first[one]] for one in seen),
            "times": arrays.literal(times[one] for one in seen),
            "clicked": arrays.literal(compress(messages, links)),
            "scanned": arrays.literal(machines.scanned_messages(hits)),
        }
    )


def _described(kinds: Iterable[Kind]) -> dict[str, str]:
    _, agents, ips, links = zip(*kinds, strict=True)
    judged = [
        machines.reason(method, agent, is_click=link != UNKNOWN_LINK)
        for method, agent, _, link in kinds
    ]
    return {
        "links": arrays.literal(links),
        "reasons": arrays.text_literal(judged),
        "agents": arrays.text_literal(agent[:LONGEST_AGENT] for agent in agents),
        "addresses": arrays.text_literal(ips),
    }


def _counts(rows: Iterable[Row[Any]]) -> dict[Bucket, dict[str, int]]:
    nobody = {"unsubscribes": 0}
    return {
        (row.workspace_id, row.campaign_id, row.bucket): dict(row._mapping) | nobody  # noqa: SLF001
        for row in rows
    }


def _add_to_buckets(counts: dict[Bucket, dict[str, int]]) -> None:
    if not counts:
        return
    keys = sorted(counts)  # always in the same order: two writers can never wait for each other
    values: dict[str, list[Any]] = {
        "workspaces": [key[0] for key in keys],
        "campaigns": [key[1] for key in keys],
        "buckets": [key[2] for key in keys],
    }
    values |= {name: [counts[key][name] for key in keys] for name in COUNTED}
    db.session.execute(_BUCKETS, values)
