"""Uploads become one import each; lists in a bucket are looked into, imported whole, removed."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from flask import Flask

from campaign_app.extensions import db
from campaign_app.imports import run, uploads
from campaign_app.lib import clock
from campaign_app.lib.errors import Invalid
from campaign_app.lib.stores import Stores, open_at
from campaign_app.lib.tickets import TicketOffice
from campaign_app.models.campaigns import Campaign
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.people import User, Workspace
from campaign_app.models.recipients import Recipient
from campaign_app.models.uploads import Upload
from campaign_app.services import audience_direct
from campaign_app.services import uploads as rows
from campaign_app.services.uploads import Source
from tests import factories
from tests.s3_server import S3Server, s3_server


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def stores(s3: S3Server, tmp_path: Path) -> Stores:
    return open_at(tmp_path, TicketOffice("tests only"), s3.bucket)


def imported(workspace: Workspace, stores: Stores, data: bytes) -> Import:
    """The import of this list for a campaign, when the worker is through."""
    user, campaign = factories.user(), factories.campaign(workspace)
    source = Source("people.csv", campaign_id=campaign.id)
    row = uploads.take_in(workspace, stores, io.BytesIO(data), source, user=user)
    assert row.storage_key.startswith("s3:")
    run.run(row.id, stores=stores)
    db.session.expire_all()
    return row


def test_a_list_in_a_bucket_is_imported_and_removed(
    workspace: Workspace, stores: Stores, s3: S3Server, tmp_path: Path
):
    row = imported(workspace, stores, b"email,name\nana@example.com,Ana\nbad,\n")
    assert (row.state, row.rows, row.new, row.invalid) == (ImportState.DONE, 2, 1, 1)
    campaign = db.session.query(Campaign).filter_by(workspace_id=workspace.id).one()
    assert audience_direct.some(workspace, campaign, limit=9) == ["ana@example.com"]
    assert s3.objects() == []
    assert not list((tmp_path / "uploads").rglob("*[0-9a-f]" * 8))


def test_an_accent_far_behind_the_first_rows_is_read_as_it_was_written(
    workspace: Workspace, stores: Stores, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(uploads, "HEAD_BYTES", 500)
    lines = b"".join(b"person%d@example.com,Utrecht\n" % n for n in range(20))
    last = b"ana@example.com,Ren\xe9e M\xfcller\n"
    row = imported(workspace, stores, b"email,name\n" + lines + last)
    assert row.state == ImportState.DONE
    people = db.session.query(Recipient).filter_by(workspace_id=workspace.id)
    assert "Renée Müller" in {person.name for person in people}


@pytest.mark.parametrize("name", ["Ana", '"Ana\nof Split"'])
@pytest.mark.parametrize("seen", [45, 50, 62, 70, 73])
def test_the_first_rows_of_a_list_may_end_anywhere(
    workspace: Workspace, stores: Stores, monkeypatch: pytest.MonkeyPatch, name: str, seen: int
):
    data = f"email,name\nana@example.com,{name}\nbo@example.com,{name}\n".encode()
    monkeypatch.setattr(uploads, "HEAD_BYTES", seen)
    source = Source("people.csv")
    row = uploads.take_in(workspace, stores, io.BytesIO(data), source, user=factories.user())
    assert [column["target"] for column in row.mapping] == ["email", "name"]
    stores.discard(row.storage_key)


def test_a_quote_that_never_closes_is_refused_at_once(workspace: Workspace, stores: Stores):
    data = io.BytesIO(b'email,name\nana@example.com,"Ana\n')
    with pytest.raises(Invalid, match="never closes"):
        uploads.take_in(workspace, stores, data, Source("a.csv"), user=factories.user())


def arrived(workspace: Workspace, stores: Stores, data: bytes) -> Upload:
    """An upload of one part, which has arrived."""
    user, source = factories.user(), Source("people.csv", len(data))
    upload = uploads.begin(workspace, stores, source, most=10**9, user=user).upload
    (url,) = stores.new.addresses(upload.plan, [1], until=clock.now() + timedelta(hours=1))
    if not url.startswith("/"):
        requests.put(url, data=data, timeout=30).raise_for_status()
        return upload
    ticket = stores.tickets.read(url.rpartition("/")[2])
    assert ticket is not None
    stores.folder.receive(ticket, io.BytesIO(data))
    return upload


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_an_upload_that_is_completed_by_many_at_once_is_one_import(
    workspace: Workspace, import_app: Flask, s3: S3Server, tmp_path: Path, kind: str
):
    bucket = s3.bucket if kind == "bucket" else None
    stores = open_at(tmp_path, TicketOffice("tests only"), bucket)
    upload = arrived(workspace, stores, b"email\nana@example.com\n" + b"\n" * 4_000_000)
    ids, together = (workspace.id, upload.id, upload.user_id), threading.Barrier(4)

    def complete(_: int) -> int:
        with import_app.app_context():
            own, user = db.session.get_one(Workspace, ids[0]), db.session.get_one(User, ids[2])
            row = rows.get(own, ids[1])
            together.wait(60)
            return uploads.complete(own, row, stores, user=user).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(complete, range(4)))) == 1
    stores.discard(upload.storage_key)
