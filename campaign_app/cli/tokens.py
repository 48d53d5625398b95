"""`flask tokens …`: the API's keys."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from campaign_app.cli.plain import plainly
from campaign_app.extensions import db
from campaign_app.services import people, tokens

group = AppGroup("tokens", help="The API's keys.")


@group.command("create")
@click.option("--email", required=True, help="The user the token acts as.")
@click.option("--name", required=True, help="Which program will use it.")
@plainly
def create(email: str, name: str) -> None:
    """Create a token and print it: it is shown this once only."""
    user = people.by_email(email)
    _, plain = tokens.create(people.membership(user).workspace, user=user, name=name)
    db.session.commit()
    click.echo(plain)
