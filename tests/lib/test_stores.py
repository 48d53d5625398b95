"""Both stores keep the same promises: a folder here, and a bucket of a real S3 server."""

from __future__ import annotations

import io
import secrets
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, Invalid, Unavailable
from campaign_app.lib.storage import MEBIBYTE, Gone, NoRoom, Part, Plan, Store, part_size_for
from campaign_app.lib.stores import Stores, open_at
from campaign_app.lib.tickets import Ticket, TicketOffice
from tests.s3_server import S3Server, s3_server

SIZE = 8 * MEBIBYTE + 1234
Put = Callable[[Plan, int, bytes], str]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=["folder", "bucket"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    bucket = request.getfixturevalue("s3").bucket if request.param == "bucket" else None
    return open_at(tmp_path, TicketOffice("tests only"), bucket)


@pytest.fixture
def store(stores: Stores) -> Store:
    return stores.new


@pytest.fixture
def put(stores: Stores) -> Put:
    """Send a part to its address; gives its ETag."""

    def put(plan: Plan, number: int, data: bytes) -> str:
        until = clock.now() + timedelta(hours=1)
        (url,) = stores.new.addresses(plan, [number], until=until)
        if url.startswith("/"):
            ticket = stores.tickets.read(url.rpartition("/")[2])
            assert ticket is not None
            return stores.folder.receive(ticket, io.BytesIO(data))
        answer = requests.put(url, data=data, timeout=30)
        answer.raise_for_status()
        return answer.headers["ETag"]

    return put


def cut(plan: Plan, data: bytes, number: int) -> bytes:
    return data[plan.offset(number) :][: plan.length(number)]


def filled(store: Store, put: Put, data: bytes) -> Plan:
    plan = store.begin(len(data))
    for number in range(plan.count, 0, -1):
        put(plan, number, cut(plan, data, number))
    return plan


def content(store: Store, key: str) -> bytes:
    with store.local_path(key) as path:
        return path.read_bytes()


def test_a_file_is_made_of_its_parts(store: Store, put: Put):
    data = secrets.token_bytes(SIZE)
    plan = filled(store, put, data)
    parts = store.parts(plan)
    assert [(part.number, part.size) for part in parts] == [(1, 8 * MEBIBYTE), (2, 1234)]
    store.assemble(plan, parts)
    assert content(store, plan.key) == data
    store.assemble(plan, parts)
    assert store.parts(plan) is None


def test_a_part_that_is_sent_again_takes_the_place_of_the_first(store: Store, put: Put):
    data = secrets.token_bytes(SIZE)
    plan = store.begin(SIZE)
    first = put(plan, 2, secrets.token_bytes(1234))
    second = put(plan, 2, cut(plan, data, 2))  # rclone has passed on what comes after all before
    assert first != second
    assert [part.etag for part in store.parts(plan)] == [second]
    put(plan, 1, cut(plan, data, 1))
    store.assemble(plan, store.parts(plan))
    assert content(store, plan.key) == data


def test_another_part_than_was_named_is_not_taken(store: Store, put: Put):
    plan = filled(store, put, b"aaaaa")
    with pytest.raises(Conflict):
        store.assemble(plan, [Part(1, '"0123456789abcdef0123456789abcdef"', 5)])


def test_what_is_aborted_is_gone(store: Store, put: Put, tmp_path: Path):
    plan = filled(store, put, b"aaaaa")
    store.abort(plan)
    store.abort(plan)
    with pytest.raises(Gone):
        store.parts(plan)
    with pytest.raises(Gone):
        store.assemble(plan, [])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_that_came_whole_is_kept_and_discarded(store: Store, tmp_path: Path):
    key, size = store.keep(io.BytesIO(b"email\n"))
    assert (size, content(store, key)) == (6, b"email\n")
    store.discard(key)
    store.discard(key)
    with pytest.raises(Invalid, match="no longer here"), store.local_path(key):
        pass
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_of_a_text_its_head_is_enough_and_a_workbook_is_read_whole(store: Store):
    text, _ = store.keep(io.BytesIO(b"email\n" * 1000))
    with store.local_path(text, head=100) as path:
        assert path.read_bytes().startswith(b"email\nemail\n")
    book, size = store.keep(io.BytesIO(b"PK" + bytes(1000)))
    with store.local_path(book, head=100) as path:
        assert path.stat().st_size == size


def test_what_no_row_knows_is_swept_away_after_a_while(stores: Stores, put: Put):
    store, folder = stores.new, stores.folder
    key, _ = folder.keep(io.BytesIO(b"a"))
    known, _ = folder.keep(io.BytesIO(b"b"))
    plan = folder.begin(3)
    stores.drop_leftovers({known}, older_than=timedelta(hours=1))
    assert content(folder, key) == b"a"
    stores.drop_leftovers({known}, older_than=timedelta(seconds=-1))
    assert content(folder, known) == b"b"
    with pytest.raises(Gone):
        folder.parts(plan)
    with pytest.raises(Invalid), store.local_path(key):
        pass


def test_the_address_of_a_bucket_is_good_for_one_part_of_one_length(s3: S3Server, tmp_path: Path):
    store = open_at(tmp_path, TicketOffice("x"), s3.bucket).new
    plan = store.begin(SIZE)
    first, second = store.addresses(plan, [1, 2], until=clock.now() + timedelta(hours=1))
    forged = second.replace("partNumber=2", "partNumber=1")
    answers = [requests.put(url, data=b"x" * 99, timeout=30) for url in (first, second, forged)]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    (late,) = store.addresses(plan, [2], until=clock.now() - timedelta(hours=1))
    assert "X-Amz-Expires=1&" in late
    assert store.parts(plan) == []


def test_a_bucket_that_is_away_can_be_tried_again(s3: S3Server, tmp_path: Path):
    closed = open_at(tmp_path, TicketOffice("x"), s3.bucket)
    wrong = type(s3.bucket)(s3.url, "lists", "AKTESTSONLY", "wrong", "eu-central-1")
    with pytest.raises(Unavailable) as refused:
        open_at(tmp_path, TicketOffice("x"), wrong).new.begin(5)
    assert refused.value.retryable
    assert closed.origin == s3.url


def test_no_part_takes_the_room_that_is_left_for_the_database(tmp_path: Path):
    folder = open_at(tmp_path, TicketOffice("x")).folder
    name = folder.begin(5).key.rpartition("/")[2]
    stream = io.BytesIO(b"12345")
    with pytest.raises(NoRoom):
        folder.receive(Ticket(name, 1, 0, shutil.disk_usage(tmp_path).free, 0), stream)
    assert stream.tell() == 0


def test_a_bucket_that_is_not_configured_any_more_is_named(tmp_path: Path):
    with pytest.raises(Unavailable, match="not configured"):
        open_at(tmp_path, TicketOffice("x")).discard("s3:0123")


@pytest.mark.parametrize("size", [1, 10**6, 8 * 10**9, 10**11, 5 * 10**12])
def test_no_file_has_more_parts_than_a_bucket_lists_at_once(size: int):
    plan = Plan("uploads/x", "", size, part_size_for(size))
    assert plan.count <= 1000
    assert sum(plan.length(n) for n in range(1, plan.count + 1)) == size
    assert plan.part_size % MEBIBYTE == 0
