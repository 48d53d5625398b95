"""The mail behind the signed link that a reader followed."""

from __future__ import annotations

from dataclasses import dataclass

from flask import abort, current_app, make_response, render_template

from campaign_app.tracking import links
from campaign_app.tracking.links import Mail

TEST = 0
"""The message of a test e-mail, which has no row."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A workspace, by its id alone."""

    id: int


def mail_of(token: str) -> Mail:
    """The reader's mail; a plain 404 for a wrong token, a kind page for what is gone."""
    message_id = current_app.extensions["signer"].read(token)
    if message_id is None:
        abort(404)
    mail = links.mail_of(message_id)
    if mail is None or "@" not in mail.address:  # the workspace is gone, or the reader was erased
        page = render_template("public/gone.html", mail=None, is_test=message_id == TEST)
        abort(make_response(page, 410))
    return mail
