"""What an import says to the database."""

from __future__ import annotations

TABLE = """
CREATE TEMP TABLE import_stage (n int, id bigint, first boolean, name text, attributes jsonb)
ON COMMIT DELETE ROWS
"""

# A limit on statements is meant for pages, not for batches. Of what a crash of the database takes
# back, the last is taken back first: the next worker does it again. A batch is thousands of people,
# for whom reading all of some hundred thousand looks cheaper than their index.
BEGIN = """
SELECT set_config('statement_timeout', '0', true), set_config('synchronous_commit', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('lock_timeout', :lock_timeout, true)
"""

# Imports of one workspace take turns by batches: two that name the same people in different order
# would lock each other's rows.
TAKE_TURN = f"{BEGIN}, pg_advisory_xact_lock(:kind, hashint8(:workspace_id))"

WRITTEN = """
SELECT cardinality(made), people_updated, people_suppressed FROM import_batches
WHERE workspace_id = :workspace_id AND import_id = :import_id AND number = :number
"""

HISTORY = """
SELECT coalesce(min(created_at), now()) AS since, coalesce(max(number), 0) AS number, (
  SELECT coalesce(sum(number), 0) FROM tallies
  WHERE workspace_id = :workspace_id AND group_id = 0 AND tag = ''
) AS people
FROM import_batches WHERE workspace_id = :workspace_id AND import_id = :import_id
"""

# LATERAL … LIMIT looks each address up by the index; a join, planned on the statistics of a table
# that was empty a minute ago, reads the whole workspace for every batch. The workspace is a column
# here, since of a number the statistics may say that nobody is in it: any index would do then.
_LOOK_UP = """
WITH asked AS MATERIALIZED (
  SELECT CAST(:workspace_id AS bigint) AS workspace_id, email COLLATE "C" AS email, n
  FROM unnest(CAST(:emails AS text[])) WITH ORDINALITY AS a(email, n)
), found AS MATERIALIZED (
  SELECT a.n, r.id, r.status <> 'subscribed' AS left_us
  FROM asked a CROSS JOIN LATERAL (
    SELECT id, status FROM recipients
    WHERE workspace_id = a.workspace_id AND email = a.email LIMIT 1
  ) r
)
SELECT
  (SELECT coalesce(array_agg(n), '{{}}') FROM found) AS places,
  (SELECT coalesce(array_agg(id), '{{}}') FROM found) AS ids,
  {fresh} AS fresh,
  ARRAY(
    SELECT n FROM found WHERE left_us
    UNION
    SELECT n FROM asked a
    WHERE EXISTS (SELECT FROM suppressions WHERE workspace_id = :workspace_id) AND EXISTS (
      SELECT FROM suppressions p WHERE p.workspace_id = a.workspace_id
        AND p.email_hash = sha256(convert_to(a.email, 'UTF8'))
    )
  ) AS suppressed
"""

LOOK_UP = _LOOK_UP.format(fresh="CAST('{}' AS bigint[])")
# For whoever was not found. The sequence is looked for once: in one expression with `nextval`, it
# would be for each id.
LOOK_UP_AND_NUMBER = _LOOK_UP.format(
    fresh="""ARRAY(
    SELECT nextval(name)
    FROM (
      SELECT CAST(pg_get_serial_sequence('recipients', 'id') AS regclass) AS name OFFSET 0
    ) AS sequence,
      generate_series(1, (SELECT count(*) FROM asked) - (SELECT count(*) FROM found))
  )"""
)

ADDRESS_INDEX = "uq_recipients_workspace_id_email"
HOW_LOOKED_UP = "EXPLAIN " + LOOK_UP
ANALYZE = "ANALYZE recipients"
ANALYZE_ALL = "ANALYZE recipients, group_members"

# `+ 0` leaves no other index than that of the ids: see above. An attribute that is stored without a
# value counts as one that is missing.
_BEFORE = """
WITH before AS MATERIALIZED (
  SELECT * FROM (
    SELECT s.n, s.first, r.id, r.name, r.attributes, r.tags, r.updated_at,
      CASE
        WHEN :existing = 'skip' OR (:existing = 'fill' AND r.name <> '') THEN r.name
        WHEN s.name = '' AND NOT :erases_names THEN r.name
        ELSE s.name
      END AS new_name,
      CASE
        WHEN :existing = 'skip' THEN r.attributes
        WHEN :existing = 'overwrite' THEN r.attributes - CAST(:erased AS text[]) || s.attributes
        WHEN r.attributes @? '$.* ? (@ == "")' THEN s.attributes || (
          SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(r.attributes)
          WHERE value <> '""' OR NOT s.attributes ? key
        )
        ELSE s.attributes || r.attributes
      END AS new_attributes,
      CASE
        WHEN r.tags @> CAST(:tags AS text[]) THEN r.tags
        ELSE ARRAY(
          SELECT DISTINCT tag COLLATE "C" FROM unnest(r.tags || CAST(:tags AS text[])) AS t(tag)
          ORDER BY 1
        )
      END AS new_tags
    FROM import_stage s CROSS JOIN LATERAL (
      SELECT id, name, attributes, tags, updated_at FROM recipients
      WHERE workspace_id + 0 = :workspace_id AND id = s.id LIMIT 1
    ) r
  ) both_ways
  WHERE new_name <> name OR new_attributes <> attributes OR new_tags <> tags
)
"""

COMPARE = """
SELECT coalesce(array_agg(n), '{}') AS differing FROM before
"""

WRITE = """
, changed AS (
  UPDATE recipients r
  SET name = b.new_name, attributes = b.new_attributes, tags = b.new_tags, updated_at = now()
  FROM before b
  WHERE r.workspace_id + 0 = :workspace_id AND r.id = b.id AND r.updated_at = b.updated_at
  RETURNING r.id
), joined AS (
  INSERT INTO group_members (workspace_id, group_id, recipient_id)
  SELECT :workspace_id, g.id, p.id
  FROM groups g, (
    SELECT unnest(CAST(:made AS bigint[])) AS id UNION ALL SELECT id FROM import_stage
  ) p
  WHERE g.workspace_id = :workspace_id AND g.id = ANY(CAST(:group_ids AS bigint[]))
  ORDER BY g.id, p.id
  ON CONFLICT DO NOTHING
  RETURNING group_id, recipient_id
), kept AS (
  INSERT INTO import_batches (workspace_id, import_id, number, people_suppressed, made, changed,
                              names, attributes, tags, updated, people_updated,
                              joined, joined_groups)
  SELECT :workspace_id, :import_id, :number, :suppressed, CAST(:made AS bigint[]), b.*, j.*
  FROM (
    SELECT coalesce(array_agg(id), '{}') AS changed, coalesce(array_agg(name), '{}'),
           coalesce(array_agg(attributes), '{}'), coalesce(array_agg(tags::text), '{}'),
           coalesce(array_agg(updated_at), '{}'),
           count(*) FILTER (WHERE first OR updated_at < :since)
    FROM before
  ) b, (
    SELECT coalesce(array_agg(recipient_id), '{}') AS joined,
           coalesce(array_agg(group_id), '{}')
    FROM joined
  ) j
  WHERE :is_noted OR :made <> '{}' OR cardinality(b.changed) + cardinality(j.joined) > 0
)
SELECT count(*) AS differing,
       (SELECT count(*) FROM changed) AS changed,
       count(*) FILTER (WHERE first OR updated_at < :since) AS updated
FROM before
"""


COMPARE, WRITE = _BEFORE + COMPARE, _BEFORE + WRITE
