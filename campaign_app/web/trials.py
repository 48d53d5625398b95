"""Sending a test: one e-mail to one address, and what the mail server literally said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask import g, request

from campaign_app.guards import limiter
from campaign_app.lib import address
from campaign_app.lib.errors import Conflict, Invalid, Unavailable
from campaign_app.sending import trials
from campaign_app.sending.trials import Outcome

PHASES = {
    "connect": "while connecting",
    "auth": "while logging in",
    "mail": "at the From address",
    "rcpt": "at the recipient’s address",
    "data": "before the e-mail",
    "body": "in the middle of the e-mail",
    "dot": "after the whole e-mail",
}

limited = limiter.shared_limit(
    trials.ALLOWANCE,
    scope=trials.SCOPE,
    key_func=lambda: str(g.user.id),
    error_message=trials.SPENT,
)


def outcome(send: Callable[[str], Outcome]) -> Outcome:
    """What came of a test to the address in the form; its phase in words."""
    to = request.form.get("to", "").strip() or g.user.email
    try:
        to = address.normalise(to)
        found = send(to)
    except (Invalid, Conflict, Unavailable) as error:  # a password nobody can open, say
        return Outcome(to, problem=error.message)
    return replace(found, phase=PHASES.get(found.phase, ""))
