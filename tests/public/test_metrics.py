"""`/metrics`: who may read it, and that it tells what is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from campaign_app.extensions import db, redis
from campaign_app.lib import metrics
from campaign_app.models.senders import SenderState
from config import Config
from tests import factories, mailings, signs
from tests.people import Person

TOKEN = "a-long-token-for-prometheus"
Figures = Callable[..., float]


@contextmanager
def settings(app: Flask, config: Config, **changes: object) -> Iterator[None]:
    app.extensions["carillon_config"] = replace(config, **changes)
    yield
    app.extensions["carillon_config"] = config


@pytest.fixture
def figure(client: FlaskClient) -> Figures:
    """Asks for one figure by its name and labels; 0 when there is none."""

    def ask(name: str, **labels: str) -> float:
        families = text_string_to_metric_families(client.get("/metrics").text)
        found = [one for family in families for one in family.samples if one.name == name]
        return sum(one.value for one in found if labels.items() <= one.labels.items())

    return ask


def test_without_a_token_this_machine_may_read_it(client: FlaskClient):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_without_a_token_nobody_reads_it_through_a_proxy(client: FlaskClient, header: str):
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "nonsense", ""])
def test_without_a_token_no_other_machine_reads_it(client: FlaskClient, address: str):
    answer = client.get("/metrics", environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 404


def test_production_wants_a_token(app: Flask, client: FlaskClient, config: Config):
    with settings(app, config, environment="production"):
        assert client.get("/metrics").status_code == 404


def test_the_token_opens_it_to_other_machines(app: Flask, client: FlaskClient, config: Config):
    far = {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}}
    with settings(app, config, metrics_token=TOKEN, environment="production"):
        right = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "192.0.2.7"}
        assert client.get("/metrics", headers=right, **far).status_code == 200
        for wrong in (f"Bearer {TOKEN}x", TOKEN, "Bearer ", "Bearer ž", f"Basic {TOKEN}"):
            given = {"Authorization": wrong}
            assert client.get("/metrics", headers=given, **far).status_code == 404
        assert client.get("/metrics").status_code == 404


def test_what_the_processes_count_is_there(figure: Figures):
    before = figure("carillon_mails_total", outcome="sent")
    metrics.mails({"sent": 7, "failed": 0})
    metrics.window(messages=7, seconds=0.7)
    assert figure("carillon_mails_total", outcome="sent") == before + 7
    assert figure("carillon_reply_seconds_count") >= 1


def test_requests_are_counted_by_their_kind(client: FlaskClient, figure: Figures):
    names = {"live": "/live.json", "public": "/c/forged", "page": "/login", "probe": "/healthz"}
    before = {kind: figure("carillon_http_requests_total", kind=kind) for kind in names}
    for path in names.values():
        client.get(path)
    for kind in names:
        assert figure("carillon_http_requests_total", kind=kind) > before[kind]


def test_the_tables_tell_of_senders_and_batches(alice: Person, figure: Figures):
    factories.sender(alice.workspace, state=SenderState.COOLING)
    mailings.mailing(alice.workspace, ["sent", "pending", "pending", "deferred"])
    assert figure("carillon_senders", state="cooling") == 1
    assert figure("carillon_batches", state="pending") == 2
    assert figure("carillon_campaigns", state="sending") == 1
    assert figure("carillon_slots_in_use") == 0


def test_the_age_of_the_queue_is_that_of_the_oldest_batch_given_free(
    alice: Person, figure: Figures
):
    assert figure("carillon_queue_age_seconds") == 0
    campaign = mailings.mailing(alice.workspace, ["pending", "pending"])
    mailings.give_free(campaign, seconds_ago=90)
    assert 85 < figure("carillon_queue_age_seconds") < 300


def test_workers_and_queues_are_told_by_redis(figure: Figures):
    signs.everybody_lives()
    redis.client.rpush("sending", "a doorbell")
    assert figure("carillon_workers", part="sending") == 1
    assert figure("carillon_queue_length", queue="sending") == 1
    assert figure("carillon_up", part="broker") == 1


def test_nothing_names_a_workspace_or_a_person(alice: Person, client: FlaskClient):
    factories.sender(alice.workspace, host="smtp.secret.example")
    alice.client.get("/")
    text = client.get("/metrics").text
    for word in (alice.workspace.name, alice.user.email, "secret.example", "Alice"):
        assert word not in text


def test_a_campaign_of_any_size_is_read_without_counting_messages(alice: Person, figure: Figures):
    mailings.mailing(alice.workspace, ["deferred"])
    statement = "UPDATE messages SET next_attempt_at = now() - interval '5 minutes'"
    db.session.execute(db.text(statement))
    assert 299 < figure("carillon_retry_late_seconds") < 400
