"""With a bucket configured, a browser sends a list's parts straight to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from config import Config
from local_stack import postgres
from tests.browser import pages
from tests.browser.conftest import Enter
from tests.browser.site import Site
from tests.browser.site import site as serve
from tests.browser.test_uploads import big, choose, count_parts
from tests.s3_server import S3Server, s3_server


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def site(
    chromium: Browser,
    config: Config,
    app: Flask,
    postgres_server: postgres.Server,
    s3: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    with_bucket = replace(config, **s3.settings)
    with serve(with_bucket, postgres_server, tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.mark.browser
def test_the_parts_never_pass_through_our_server(
    site: Site, s3: S3Server, enter: Enter, tmp_path: Path
):
    page, file = enter(), big(tmp_path, mebibytes=20)
    pages.sign_up(page, name="Ana", email="ana@bucket.example")
    page.goto("/imports/new")
    page.wait_for_selector("form.is-scripted")
    parts = count_parts(page)
    choose(page, file)
    pages.arrive(page, "Match the columns")
    expect(page.get_by_text("person1@example.com").first).to_be_visible()
    assert len(parts) == 3
    assert all(url.startswith(s3.url) for url in parts)
    (kept,) = s3.objects()
    assert kept.read_bytes() == file.read_bytes()
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(page.get_by_text("The upload is discarded.")).to_be_visible()
    assert s3.objects() == []
