"""Where parts are PUT: what their tickets say, at a decent pace; refusals in words."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaign_app.lib import clock
from campaign_app.lib.storage import MEBIBYTE, NoRoom, Plan
from campaign_app.lib.stores import Stores
from campaign_app.public import upload_parts

SIZE = 8 * MEBIBYTE + 5


@pytest.fixture
def stores(app: Flask) -> Stores:
    stores: Stores = app.extensions["stores"]
    return stores


@pytest.fixture
def plan(stores: Stores) -> Iterator[Plan]:
    plan = stores.folder.begin(SIZE)
    yield plan
    stores.folder.abort(plan)


def address(stores: Stores, plan: Plan, number: int = 2, *, hours: int = 1) -> str:
    until = clock.now() + timedelta(hours=hours)
    return stores.folder.addresses(plan, [number], until=until)[0]


def arrived(stores: Stores, plan: Plan) -> list[int]:
    return [part.number for part in stores.folder.parts(plan)]


def detail(answer: TestResponse) -> str:
    """The words of a problem that says everything a program looks for."""
    problem = answer.get_json()
    assert answer.headers["Connection"] == "close"
    assert (answer.mimetype, problem["type"]) == ("application/problem+json", "about:blank")
    assert (problem["status"], problem["title"]) == (answer.status_code, answer.status[4:].title())
    return problem["detail"]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file can grow beyond that: what a full disk says, as this process hears it."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_a_part_is_taken_without_a_session_whatever_type_it_says(
    client: FlaskClient, stores: Stores, plan: Plan
):
    kind = {"content_type": "application/x-www-form-urlencoded"}  # as curl says by itself
    answer = client.put(address(stores, plan), data=b"a=b\x00c", **kind)
    assert (answer.status_code, answer.data) == (200, b"")
    assert arrived(stores, plan) == [2]


def test_a_forged_address_is_nobodys(client: FlaskClient, stores: Stores, plan: Plan):
    url = address(stores, plan)
    flipped = url[:-3] + ("A" if url[-3] != "A" else "B") + url[-2:]
    for wrong in (flipped, url[:-4], "/parts/x", "/parts/" + "é" * 40, url + "AAAA"):
        answer = client.put(wrong, data=b"12345")
        assert (answer.status_code, "not made here" in detail(answer)) == (404, True)
    assert arrived(stores, plan) == []


def test_an_address_expires(client: FlaskClient, stores: Stores, plan: Plan):
    answer = client.put(address(stores, plan, hours=-1), data=b"12345")
    assert (answer.status_code, "expired" in detail(answer)) == (403, True)


@pytest.mark.parametrize("data", [b"1234", b"123456", b"x" * MEBIBYTE])
def test_a_part_has_its_length_to_the_byte(
    client: FlaskClient, stores: Stores, plan: Plan, data: bytes
):
    answer = client.put(address(stores, plan), data=data)
    assert (answer.status_code, "5 bytes" in detail(answer)) == (422, True)
    assert arrived(stores, plan) == []


def test_a_part_that_breaks_off_is_not_there(client: FlaskClient, stores: Stores, plan: Plan):
    client.put(address(stores, plan), data=b"12345")
    whole = {"environ_overrides": {"CONTENT_LENGTH": "5"}}
    answer = client.put(address(stores, plan), input_stream=io.BytesIO(b"123"), **whole)
    assert (answer.status_code, answer.get_json()["retryable"]) == (408, True)
    assert arrived(stores, plan) == []


def test_a_crawling_part_is_cut_off(
    client: FlaskClient, stores: Stores, plan: Plan, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(upload_parts, "GRACE_SECONDS", -1.0)
    monkeypatch.setattr(upload_parts, "SLOWEST", 10**12)
    answer = client.put(address(stores, plan), data=b"12345")
    assert (answer.status_code, "too slowly" in detail(answer)) == (408, True)
    assert answer.get_json()["retryable"] is True


def test_only_so_many_are_taken_at_once(
    client: FlaskClient, stores: Stores, plan: Plan, monkeypatch: pytest.MonkeyPatch
):
    with upload_parts._place(), upload_parts._place(), upload_parts._place():
        assert client.put(address(stores, plan), data=b"12345").status_code == 200
        with upload_parts._place():
            answer = client.put(address(stores, plan), data=b"12345")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert client.put(address(stores, plan), data=b"12345").status_code == 200


def test_a_full_disk_is_told_and_the_part_can_be_sent_again(
    client: FlaskClient, stores: Stores, plan: Plan
):
    with files_of_at_most(MEBIBYTE):
        answer = client.put(address(stores, plan), data=b"12345")
        assert (answer.status_code, "no room" in detail(answer)) == (507, True)
        assert arrived(stores, plan) == []
    assert client.put(address(stores, plan), data=b"12345").status_code == 200
    with pytest.raises(NoRoom):
        stores.folder.begin(10**16)


def test_what_is_over_takes_no_more_parts(client: FlaskClient, stores: Stores, plan: Plan):
    url = address(stores, plan)
    stores.folder.abort(plan)
    answer = client.put(url, data=b"12345")
    assert (answer.status_code, "is over" in detail(answer)) == (409, True)


def test_a_part_says_its_length_beforehand(client: FlaskClient, stores: Stores, plan: Plan):
    answer = client.put(address(stores, plan))
    assert (answer.status_code, "Content-Length" in detail(answer)) == (422, True)
