"""A workspace with very many recipients in very many groups, made by set-based SQL."""

from __future__ import annotations

import time

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.models.people import Workspace

CHUNK = 200_000
"""Recipients of one statement."""
GROUPS = 200

_PEOPLE = text(
    """
    INSERT INTO recipients (workspace_id, email, name, attributes, tags, status, status_at,
                            created_at)
    SELECT :workspace,
           lower(first) || '.' || n || '@mail' || n % 500 || '.example',
           first || ' ' || last,
           jsonb_build_object(
               'city', 'City of ' || chr(65 + n % 26) || substr(md5((n % 997)::text), 1, 5),
               'country', (ARRAY['Norway','España','Deutschland','France','Italia'])[1 + n / 7 % 5],
               'plan', (ARRAY['free','basic','business','enterprise'])[1 + n / 11 % 4],
               'customer', 'C-' || n,
               'since', (date '2015-01-01' + n % 3650)::text),
           CASE WHEN n % 100 = 0 THEN ARRAY['beta', 'vip'] WHEN n % 10 = 0 THEN ARRAY['vip']
                ELSE '{}' END,
           CASE WHEN n % 25 = 0 THEN 'unsubscribed' WHEN n % 101 = 0 THEN 'bounced'
                ELSE 'subscribed' END,
           CASE WHEN n % 25 = 0 OR n % 101 = 0 THEN now() END,
           now() - (:last - n) * interval '10 seconds'
    FROM (SELECT n, (ARRAY['Ana','Jonas','Zoë','Mia','Lukas','Noor','Søren','Iva','Paul','Eva'])
                    [1 + n / 13 % 10] AS first,
                 initcap(translate(substr(md5((n % 20011)::text), 1, 7), '0123456789',
                                   'ghijklmnop')) AS last
          FROM generate_series(:first, :last) AS n) AS people
    """
)
_GROUPS = text(
    """
    INSERT INTO groups (workspace_id, name)
    SELECT :workspace, 'Group ' || n FROM generate_series(1, :groups) AS n
    """
)
# The first holds one in two, five hold one in twenty each, every other one in four hundred.
_MEMBERS = text(
    """
    INSERT INTO group_members (workspace_id, group_id, recipient_id)
    SELECT r.workspace_id, g.id, r.id
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM groups
          WHERE workspace_id = :workspace AND NOT hidden) AS g
    JOIN recipients r ON r.workspace_id = :workspace AND r.id > :after
    WHERE CASE WHEN g.place = 1 THEN r.id % 2 = 0
               WHEN g.place <= 6 THEN r.id % 20 = g.place
               ELSE r.id % 400 = g.place END
    """
)
_LAST = text("SELECT coalesce(max(id), 0) FROM recipients WHERE workspace_id = :workspace")


def fill(workspace: Workspace, *, people: int) -> None:
    """Put so many recipients on the workspace's list, and into GROUPS groups."""
    began = time.monotonic()
    whose = {"workspace": workspace.id}
    _commit(_GROUPS, whose | {"groups": GROUPS})
    for first in range(1, people + 1, CHUNK):
        after = db.session.scalar(_LAST, whose)
        numbers = {"first": first, "last": min(first + CHUNK - 1, people)}
        _commit(_PEOPLE, whose | numbers)
        _commit(_MEMBERS, whose | {"after": after})
    _commit(text("ANALYZE recipients, group_members, tallies"), {})
    took = time.monotonic() - began
    print(f"{people:,} recipients in {GROUPS} groups, made in {took:.0f} s", flush=True)


def _commit(statement: object, values: dict[str, int]) -> None:
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    db.session.execute(statement, values)  # type: ignore[call-overload]
    db.session.commit()
