"""A program of the tests: it knows a token, and speaks JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaign_app.extensions import db
from campaign_app.models.people import User, Workspace
from campaign_app.services import tokens
from tests import factories
from tests.people import Person

ROOT = "/api/v1"


@dataclass(frozen=True, slots=True)
class Program:
    """Acts as `user` in `workspace`, with its token and without cookies."""

    client: FlaskClient
    user: User
    workspace: Workspace
    token: str

    @classmethod
    def of(cls, person: Person, *, name: str = "Shop") -> Program:
        """A program of this person's."""
        _, plain = tokens.create(person.workspace, user=person.user, name=name)
        db.session.commit()
        client = person.client.application.test_client(use_cookies=False)
        return cls(client, person.user, person.workspace, plain)

    @classmethod
    def viewing(cls, app: Flask, workspace: Workspace) -> Program:
        """A program of somebody who may only look."""
        member = factories.membership(name="Vera", role="viewer", workspace=workspace)
        return cls.of(Person.enter(app, member))

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> TestResponse:
        """Send a request below the API's root; `body` goes as JSON, None as no body at all."""
        if body is not None:
            more["json"] = body
        known = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        where = path if path.startswith(ROOT) else ROOT + path
        return self.client.open(where, method=method, headers=known, **more)

    def get(self, path: str) -> TestResponse:
        return self.ask("GET", path)

    def post(self, path: str, body: Any = None, **more: Any) -> TestResponse:
        return self.ask("POST", path, body, **more)

    def patch(self, path: str, body: Any) -> TestResponse:
        return self.ask("PATCH", path, body)

    def delete(self, path: str) -> TestResponse:
        return self.ask("DELETE", path)


def wrong(answer: TestResponse) -> dict[str, str]:
    """What is wrong with the input, by where: of a problem."""
    assert answer.mimetype == "application/problem+json", answer.text
    errors = answer.get_json().get("errors", [])
    return {one.get("pointer", one.get("parameter")): one["detail"] for one in errors}
