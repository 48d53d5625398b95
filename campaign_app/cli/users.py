"""`flask users …`: people who may log in."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from campaign_app.cli.plain import plainly
from campaign_app.extensions import db
from campaign_app.services import people

group = AppGroup("users", help="People who may log in.")


@group.command("create")
@click.option("--email", required=True, help="The address they log in with.")
@click.option("--password", prompt=True, hide_input=True, help="Asked for when left out.")
@click.option("--workspace", default="", help="What their new workspace is called.")
@click.option("--name", default="", help="Their name; made from the address when left out.")
@click.option("--zone", default="UTC", show_default=True, help="Their time zone.")
@plainly
def create(email: str, password: str, workspace: str, name: str, zone: str) -> None:
    """Create a user, the owner of a new workspace."""
    membership = people.sign_up(
        name=name or email.partition("@")[0].replace(".", " ").title(),
        email=email,
        password=password,
        time_zone=zone,
        workspace=workspace,
    )
    db.session.commit()
    click.echo(f"{membership.user.email} may log in. Workspace: {membership.workspace.name}")
