"""Sending a test: one e-mail to one address, and what the mail server literally said."""

from __future__ import annotations

from collections.abc import Callable

from flask import g

from campaign_app.api.sender_shapes import TestOutcome
from campaign_app.guards import limiter
from campaign_app.lib import address
from campaign_app.lib.errors import Invalid
from campaign_app.models.senders import Sender
from campaign_app.sending import trials
from campaign_app.tasks.workshop import workshop

limited = limiter.shared_limit(
    trials.ALLOWANCE,
    scope=trials.SCOPE,
    key_func=lambda: str(g.user.id),
    error_message=trials.SPENT,
)


def send(sender: Sender, compose: Callable[[str], bytes], *, to: str) -> TestOutcome:
    """Hand over what `compose` writes to one address. Raises Invalid when `to` is none."""
    normal, problem = address.check(to)
    if problem:
        raise Invalid(problem, field="to")
    found = trials.hand_over(workshop(), sender, compose(normal), to=normal)
    return TestOutcome(
        to=normal,
        accepted=bool(found.reply),
        reply=found.reply,
        problem=found.problem,
        phase=found.phase,
    )
