"""Around every request: its id, its log lines, its figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pytest
import structlog
from flask.testing import FlaskClient

from campaign_app.lib import logs, wsgi
from campaign_app.lib.wsgi import Observed
from tests.people import Person

Answer = Callable[..., object]


def call(app: Callable[..., Iterable[bytes]], **environ: str) -> dict[str, str]:
    """The headers that an observed application answers with."""
    found: dict[str, str] = {}

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
        found.update(headers, status=status)

    list(Observed(app)({"PATH_INFO": "/", **environ}, start_response))
    return found


def bound_ids(environ: dict[str, object], start_response: Answer) -> list[bytes]:
    start_response("200 OK", [("X-Bound", str(structlog.contextvars.get_contextvars()))])
    return [b""]


def test_every_answer_has_an_id(client: FlaskClient):
    ids = {client.get(path).headers["X-Request-ID"] for path in ("/login", "/nothing", "/healthz")}
    assert len(ids) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in ids)


def test_a_proxys_id_is_taken_over(client: FlaskClient):
    answer = client.get("/healthz", headers={"X-Request-ID": "edge-42.a"})
    assert answer.headers["X-Request-ID"] == "edge-42.a"


@pytest.mark.parametrize("given", ["a b", "x" * 65, "a\u2028b", '{"event": "forged"}', ""])
def test_an_id_that_could_forge_a_line_is_replaced(given: str):
    assert call(bound_ids, HTTP_X_REQUEST_ID=given)["X-Request-ID"] != given


def test_lines_of_a_request_bear_its_id_and_nothing_of_the_last_one():
    with logs.bound(workspace=7):
        said = call(bound_ids, HTTP_X_REQUEST_ID="one")["X-Bound"]
    assert said == "{'request': 'one'}"
    assert "request" not in structlog.contextvars.get_contextvars()


def test_lines_of_a_members_request_bear_the_workspace(alice: Person, monkeypatch):
    seen: list[dict[str, object]] = []
    answers = alice.client.application.after_request_funcs.setdefault("dashboard", [])
    note = lambda answer: (seen.append(structlog.contextvars.get_contextvars()), answer)[1]  # noqa: E731
    monkeypatch.setitem(alice.client.application.after_request_funcs, "dashboard", [*answers, note])
    alice.client.get("/live.json")
    assert seen[0]["workspace"] == alice.workspace.id
    assert seen[0]["user"] == alice.user.id


def test_an_application_that_breaks_leaves_no_ids_behind():
    def broken(environ: dict[str, object], start_response: Answer) -> list[bytes]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        call(broken)
    assert "request" not in structlog.contextvars.get_contextvars()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "page"),
        ("/campaigns/7/analytics", "page"),
        ("/campaigns/7/live.json", "live"),
        ("/api/v1/openapi.json", "api"),
        ("/o/abc.gif", "public"),
        ("/c/abc.1", "public"),
        ("/parts/abc", "upload"),
        ("/static/js/app.js", "static"),
        ("/readyz", "probe"),
        ("/whatever/a/scanner/tries.php", "page"),
    ],
)
def test_requests_are_of_few_kinds(path: str, kind: str):
    assert wsgi.kind(path) == kind
