"""The pages of errors: what they say, and where they lead."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.people import Person

HOME = "Back to the dashboard"
ORIGIN = "http://localhost"


@pytest.mark.parametrize(
    ("came_from", "leads_back"),
    [
        (f"{ORIGIN}/groups/?q=news", True),
        (f"{ORIGIN}/nowhere", False),  # the same page again
        (f"{ORIGIN}.evil.example/groups/", False),
        ("javascript:alert(1)", False),
        (None, False),
    ],
)
def test_an_error_leads_back_to_where_one_came_from(
    client: FlaskClient, came_from: str | None, leads_back: bool
):
    page = client.get("/nowhere", headers={"Referer": came_from} if came_from else {})
    assert page.status_code == 404
    assert ("Go back" in page.text, HOME in page.text) == (leads_back, not leads_back)
    assert (f'href="{came_from}"' in page.text) == leads_back


def test_a_form_that_is_too_large_leads_back_to_the_form(alice: Person):
    form = {"addresses": "a" * 17 * 1024**2}
    page = alice.client.post("/groups/", data=form, headers={"Referer": f"{ORIGIN}/groups/"})
    assert page.status_code == 413
    assert "That is too much at once" in page.text
    assert f'href="{ORIGIN}/groups/"' in page.text
