"""Alice, Bob and Charlie: a person of the tests, with a browser that is logged in."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask
from flask.testing import FlaskClient

from campaign_app.extensions import redis
from campaign_app.models.people import Membership, User, Workspace


@dataclass(frozen=True, slots=True)
class Person:
    """`client` is logged in as `user`, a member of `workspace`."""

    user: User
    workspace: Workspace
    client: FlaskClient

    @classmethod
    def enter(cls, app: Flask, membership: Membership) -> Person:
        """Log the member in, without the log-in page."""
        client = app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = membership.user.get_id()
            session["_fresh"] = True
        return cls(membership.user, membership.workspace, client)


def a_second_passes() -> None:
    """What those who look at the same live page share for a second is forgotten."""
    for key in redis.client.scan_iter("live:answer:*"):
        redis.client.delete(key)
