"""Sending a test: one e-mail to one address, and what the mail server literally said."""

from __future__ import annotations

from collections.abc import Callable

from flask import g, request
from flask_login import current_user

from campaign_app.extensions import db, limiter
from campaign_app.lib import address
from campaign_app.lib.errors import Conflict, Invalid, Unavailable
from campaign_app.models.senders import Sender
from campaign_app.sending import probe
from campaign_app.sending.handover import Outgoing, TransportError
from campaign_app.tasks.workshop import workshop

PHASES = {
    "connect": "while connecting",
    "auth": "while logging in",
    "mail": "at the From address",
    "rcpt": "at the recipient’s address",
    "data": "before the e-mail",
    "body": "in the middle of the e-mail",
    "dot": "after the whole e-mail",
}

# A test connects wherever the sender points: nobody may look for open ports with it. One allowance
# for all pages that send tests.
limited = limiter.shared_limit(
    "20 per 10 minutes",
    scope="test e-mails",
    key_func=lambda: str(current_user.get_id()),
    error_message="Those were many tests in a short time. Wait ten minutes, then try again.",
)


def outcome(send: Callable[[str], str]) -> dict[str, str]:
    """What came of a test to the address in the form: a `reply`, or a `problem` and its `phase`."""
    found = {"to": request.form.get("to", "").strip() or g.user.email}
    try:
        found["to"] = address.normalise(found["to"])
        found["reply"] = send(found["to"])
    except (Invalid, Conflict, Unavailable) as error:  # a password nobody can open, say
        found["problem"] = error.message
    except TransportError as error:
        found.update(problem=error.message, phase=PHASES[error.phase])
    return found


def hand_over(sender: Sender, data: bytes, *, to: str) -> str:
    """Send one e-mail at once and give the server's reply. Raises TransportError or Unavailable."""
    account = workshop().account(sender)
    outgoing = Outgoing(message_id=0, mail_from=sender.from_email, rcpt_to=to, data=data)
    db.session.commit()  # no transaction stays open while a mail server thinks
    return str(probe.send_test(account, outgoing))
