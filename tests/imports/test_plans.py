"""However wrong the statistics are, an import looks addresses up by their index."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.imports import importing, merge, statements
from campaign_app.imports.job import orders_of
from tests import factories, waiting
from tests.imports.imported import an_import, stored, work

PEOPLE = 2 * merge.FEW
# What VACUUM writes when everybody was removed but for one on the last page. Of the columns nothing
# is known; another test may have had them looked at.
EMPTY = text(
    """
    WITH forgotten AS (DELETE FROM pg_statistic WHERE starelid = CAST('recipients' AS regclass))
    UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE relname = 'recipients'
    """
)
VACUUM = "ALTER TABLE recipients SET (autovacuum_enabled = {})"


@pytest.fixture(autouse=True)
def _nobody_else_renews_statistics(workspace) -> Iterator[None]:
    """PostgreSQL's own cleaning would, once a minute, at whatever moment."""
    db.session.execute(text(VACUUM.format("false")))
    db.session.commit()
    yield
    db.session.rollback()
    db.session.execute(text(VACUUM.format("true")))
    db.session.commit()


def file_of(number: int, *, town: str) -> str:
    return "email,town\n" + "".join(f"user{n}@x.com,{town}\n" for n in range(number))


def uses_the_index(workspace) -> bool:
    values = {"workspace_id": workspace.id, "emails": "{}"}
    plan = db.session.scalars(text(statements.HOW_LOOKED_UP), values).all()
    db.session.rollback()
    return any(statements.ADDRESS_INDEX in line for line in plan)


def test_an_import_into_what_the_statistics_call_empty_looks_addresses_up_by_their_index(
    workspace, tmp_path
):
    work(an_import(workspace, tmp_path, file_of(PEOPLE, town="Oslo")), tmp_path)
    db.session.execute(EMPTY)
    db.session.commit()
    assert not uses_the_index(workspace)
    row = an_import(workspace, tmp_path, file_of(PEOPLE, town="Rome"))
    work(row, tmp_path)
    assert uses_the_index(workspace)
    assert (row.new, row.updated) == (0, PEOPLE)
    assert {person.attributes["town"] for person in stored(workspace)} == {"Rome"}


def test_a_batch_changes_people_by_their_index_and_reads_no_whole_table(workspace, tmp_path):
    row = an_import(workspace, tmp_path, file_of(PEOPLE, town="Oslo"))
    work(row, tmp_path)
    orders = orders_of(row)
    with db.engine.connect() as connection, merge.Merger(connection, orders).ready():
        merge.take_turn(connection, workspace.id)
        values = {"made": "{}", "number": 2, "since": row.created_at} | orders.as_values()
        values |= {"suppressed": 0, "is_noted": False}
        plan = connection.scalars(text("EXPLAIN " + statements.WRITE), values).all()
    assert not any("Seq Scan on recipients" in line for line in plan), plan


def test_after_a_large_import_everybody_else_finds_good_statistics_too(
    workspace, tmp_path, monkeypatch
):
    monkeypatch.setattr(importing, "MANY_BYTES", 1_000)
    group = factories.group(workspace)
    db.session.execute(EMPTY)
    db.session.commit()
    work(
        an_import(workspace, tmp_path, file_of(PEOPLE, town="Oslo"), group_ids=[group.id]), tmp_path
    )
    known = text(
        "SELECT relname FROM pg_stat_user_tables"
        " WHERE last_analyze > now() - interval '1 minute' ORDER BY relname"
    )
    wanted = {"recipients", "group_members"}
    waiting.until(lambda: wanted <= set(db.session.scalars(known)) or db.session.rollback())
