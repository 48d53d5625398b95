"""Planning a large campaign over two connections: everybody once, whatever dies in between."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import Campaign, CampaignStatus, Link
from campaign_app.sending import ending, estimates
from campaign_app.sending.plan import FEWEST, PLAN_LOCK, plan
from campaign_app.sending.troubles import Ref
from campaign_app.services import audience_parts
from local_stack.postgres import Server
from tests import factories
from tests.stack.workers import ROOT, environment
from tests.waiting import until, until_somebody_waits_for

PEOPLE = FEWEST + 30
PLANNER = """
import os, sys
from campaign_app import create_app
from campaign_app.sending.plan import plan
from config import Config
with create_app(Config.from_environ(os.environ)).app_context():
    plan(int(sys.argv[1]))
"""
SLOW_COMMIT = """
    CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER lingering AFTER UPDATE OF planned_at ON campaigns
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger()
"""
RENEWED = text("SELECT last_analyze FROM pg_stat_user_tables WHERE relname = 'group_members'")
END_THE_COMMIT = """
    SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
    WHERE datname = current_database() AND query = 'COMMIT' AND state = 'active'
"""


@pytest.fixture
def campaign(live_app: Flask) -> Campaign:
    """Started, with one group that is large enough for two connections."""
    place = factories.workspace()
    group = factories.group(place)
    people = text(
        """
        WITH people AS (
            INSERT INTO recipients (workspace_id, email)
            SELECT :workspace, 'p' || n || '@example.com' FROM generate_series(1, :people) AS n
            RETURNING id)
        INSERT INTO group_members (workspace_id, group_id, recipient_id)
        SELECT :workspace, :group, id FROM people
        """
    )
    db.session.execute(people, {"workspace": place.id, "group": group.id, "people": PEOPLE})
    started = {"sender_id": factories.sender(place).id, "status": CampaignStatus.SENDING}
    campaign = factories.campaign(place, groups=[group], **started)
    db.session.commit()
    return campaign


def messages(campaign: Campaign) -> int:
    return count("SELECT count(*) FROM messages WHERE campaign_id = :id", campaign)


def writers(campaign: Campaign) -> int:
    """By how many transactions its messages were made."""
    return count(
        "SELECT count(DISTINCT xmin::text) FROM messages WHERE campaign_id = :id", campaign
    )


def count(statement: str, campaign: Campaign) -> int:
    db.session.rollback()
    return int(db.session.scalar(text(statement), {"id": campaign.id}) or 0)


def check(campaign: Campaign) -> None:
    """It is planned, with one message for everybody, in batches as large as they say."""
    wrong = """
        SELECT count(*) FROM (SELECT * FROM batches WHERE campaign_id = :id) b
        FULL JOIN (SELECT batch_id, count(*) AS n FROM messages GROUP BY batch_id) m
            ON m.batch_id = b.id WHERE b.size IS DISTINCT FROM m.n OR b.size > 50
    """
    reached = "SELECT count(DISTINCT recipient_id) FROM messages WHERE campaign_id = :id"
    assert count(wrong, campaign) == 0
    assert messages(campaign) == count(reached, campaign) == PEOPLE
    db.session.refresh(campaign)
    assert (campaign.total, campaign.planned_at is None) == (PEOPLE, False)


@contextmanager
def obstacle(campaign: Campaign) -> Iterator[Connection]:
    """Somebody who holds what the second connection must write, until the end of the block."""
    last = """
        INSERT INTO messages (workspace_id, campaign_id, recipient_id, batch_id, address)
        SELECT workspace_id, :id, max(id), 0, '' FROM recipients GROUP BY workspace_id
    """
    with db.engine.connect() as connection:
        connection.execute(text(last), {"id": campaign.id})
        yield connection


@contextmanager
def planning(app: Flask, campaign: Campaign) -> Iterator[Future[int | None]]:
    """Another thread plans it."""
    campaign_id = campaign.id

    def run() -> int | None:
        with app.app_context():
            return plan(campaign_id)

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run)


@contextmanager
def planner(app: Flask, campaign: Campaign) -> Iterator[None]:
    """A process that plans it, killed at the end of the block."""
    config = app.extensions["carillon_config"]
    process = subprocess.Popen(
        [sys.executable, "-c", PLANNER, str(campaign.id)],
        cwd=ROOT,
        env=os.environ | environment(config),
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def die_between_the_commits(app: Flask, campaign: Campaign) -> None:
    """Leave the second connection's messages behind, and no plan."""
    db.session.execute(text(SLOW_COMMIT))
    db.session.commit()
    with planner(app, campaign):
        until(lambda: messages(campaign))
    db.session.execute(text(END_THE_COMMIT))
    db.session.execute(text("DROP FUNCTION linger CASCADE"))
    db.session.commit()
    db.session.refresh(campaign)
    assert campaign.planned_at is None
    assert 0 < messages(campaign) < PEOPLE


def test_two_connections_make_the_messages_of_a_large_campaign(campaign: Campaign):
    assert plan(campaign.id) == PEOPLE
    check(campaign)
    assert writers(campaign) == 2


def test_planning_a_list_that_the_statistics_do_not_know_renews_them_first(campaign: Campaign):
    expected = (
        "SELECT min(reltuples) FROM pg_class WHERE relname IN ('recipients', 'group_members')"
    )
    plan(campaign.id)
    assert count(expected, campaign) == PEOPLE


def test_statistics_that_cannot_tell_are_renewed_once_for_a_campaign(campaign: Campaign):
    parts = audience_parts.of(Ref(campaign.workspace_id), campaign)
    many = replace(parts, sizes=dict.fromkeys(parts.sizes, 10**9))
    times = []
    for started_at in (None, None, clock.now() - timedelta(hours=1)):
        estimates.correct(many, started_at=started_at)
        db.session.commit()
        times.append(db.session.scalar(RENEWED))
    assert times[0] < times[1] == times[2]


def test_statistics_that_know_the_audience_are_left_alone(campaign: Campaign):
    db.session.execute(text("ANALYZE recipients, group_members"))
    db.session.commit()
    before = db.session.scalar(RENEWED)
    estimates.correct(audience_parts.of(Ref(campaign.workspace_id), campaign), started_at=None)
    db.session.commit()
    assert db.session.scalar(RENEWED) == before


def test_whoever_is_not_to_plan_renews_no_statistics(campaign: Campaign):
    before = db.session.scalar(RENEWED)
    values = {"class": PLAN_LOCK, "campaign": campaign.id}
    with db.engine.connect() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:class, CAST(:campaign AS int))"), values)
        assert plan(campaign.id) is None
    assert db.session.scalar(RENEWED) == before


def test_what_may_be_in_the_way_for_ever_is_a_warning(
    campaign: Campaign, caplog: pytest.LogCaptureFixture
):
    whose = {"workspace_id": campaign.workspace_id, "campaign_id": campaign.id}
    factories.save(Link(**whose, number=1, url="https://shop.example/other"))
    db.session.commit()
    assert plan(campaign.id) is None
    [told] = [one for one in caplog.records if "planning disturbed" in one.getMessage()]
    assert told.levelname == "WARNING"
    assert f"{campaign.id}" in told.getMessage()


def test_a_planner_killed_in_mid_plan_leaves_nothing_and_the_next_one_plans(
    live_app: Flask, campaign: Campaign
):
    with obstacle(campaign) as held, planner(live_app, campaign):
        until_somebody_waits_for(held)
        assert plan(campaign.id) is None  # somebody is at it
    until(lambda: plan(campaign.id))
    check(campaign)


def test_a_planner_killed_between_its_commits_is_planned_over(live_app: Flask, campaign: Campaign):
    die_between_the_commits(live_app, campaign)
    assert plan(campaign.id) == PEOPLE
    check(campaign)


def test_what_a_dead_planner_left_is_cleared_when_the_campaign_is_cancelled(
    live_app: Flask, campaign: Campaign
):
    die_between_the_commits(live_app, campaign)
    campaign.status = CampaignStatus.CANCELLED
    db.session.commit()
    ending.settle()
    assert messages(campaign) == 0
    db.session.refresh(campaign)
    assert campaign.final_counts is not None
    assert campaign.final_counts["total"] == campaign.final_counts["cancelled"] == 0


def test_a_campaign_cancelled_in_mid_plan_gets_no_messages(live_app: Flask, campaign: Campaign):
    with planning(live_app, campaign) as planned:
        with obstacle(campaign) as held:
            until_somebody_waits_for(held)
            campaign.status = CampaignStatus.CANCELLED
            db.session.commit()
        assert planned.result() is None
    assert messages(campaign) == 0


def test_the_second_connections_end_is_the_end_of_the_plan(live_app: Flask, campaign: Campaign):
    end = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pg_blocking_pids(pid) <> '{}'
    """
    with obstacle(campaign) as held, planning(live_app, campaign) as planned:
        until_somebody_waits_for(held)
        held.execute(text(end))
        with pytest.raises(OperationalError):
            planned.result()
    assert messages(campaign) == 0
    assert plan(campaign.id) == PEOPLE
    check(campaign)


def test_without_a_second_connection_the_first_does_it_all(
    live_app: Flask, campaign: Campaign, postgres_server: Server
):
    name = db.session.scalar(text("SELECT current_database()"))
    with closing(psycopg2.connect(postgres_server.url_of("postgres"))) as other:
        other.autocommit = True
        other.cursor().execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    assert plan(campaign.id) == PEOPLE
    check(campaign)
    assert writers(campaign) == 1
