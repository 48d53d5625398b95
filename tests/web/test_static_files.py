"""What browsers may keep of the static files."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient


def test_a_page_asks_for_files_that_may_be_kept_for_a_year(client: FlaskClient):
    page = client.get("/login").text
    addresses = re.findall(r'"(/static/vendor/[^"]+\?v=[0-9a-f]{12})"', page)
    assert addresses
    with client.get(addresses[0]) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_the_font_is_preloaded_by_the_address_that_its_style_sheet_asks_for(client: FlaskClient):
    page = client.get("/login").text
    [preloaded] = re.findall(r'as="font"[^>]*href="([^"]+)"', page)
    [sheet] = re.findall(r'"(/static/vendor/inter/inter\.css[^"]*)"', page)
    with client.get(sheet) as answer:
        asked_for = re.findall(r"url\(([^)]+)\)", answer.text)
    assert preloaded in [urljoin(sheet, address) for address in asked_for]


@pytest.mark.parametrize("path", ["js/app.js", "js/live.js"])
def test_scripts_are_asked_for_anew(app: Flask, client: FlaskClient, path: str):
    with app.test_request_context():
        assert url_for("static", filename=path) == f"/static/{path}"
    with client.get(f"/static/{path}") as answer:
        assert answer.headers["Cache-Control"] == "no-cache"


def test_a_file_that_is_not_there_is_not_remembered(app: Flask, client: FlaskClient):
    with app.test_request_context():
        assert "v=" not in url_for("static", filename="css/none.css")
    answer = client.get("/static/css/none.css?v=1")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("Cache-Control", "")
