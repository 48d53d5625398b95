"""What browsers are told about every answer."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.people import Person


@pytest.mark.parametrize("path", ["/login", "/signup", "/nowhere"])
def test_every_answer_is_protected(client: FlaskClient, path: str):
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'; script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"


def test_private_pages_are_not_kept(alice: Person):
    assert alice.client.get("/").headers["Cache-Control"] == "no-store"
    assert alice.client.get("/live.json").headers["Cache-Control"] == "no-store"
    with alice.client.get("/static/css/frame.css") as style:
        assert style.headers["Cache-Control"] != "no-store"


def test_an_email_in_its_frame_keeps_its_own_policy(alice: Person):
    campaign = factories.campaign(alice.workspace)
    headers = alice.client.get(f"/campaigns/{campaign.id}/preview.html").headers
    assert headers["Content-Security-Policy"].startswith("sandbox")
    assert headers["X-Frame-Options"] == "SAMEORIGIN"


def test_https_is_remembered(client: FlaskClient):
    assert "Strict-Transport-Security" not in client.get("/login").headers
    secure = client.get("/login", base_url="https://carillon.test")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"
