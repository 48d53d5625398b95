"""“Send a test”: one e-mail to one address at once, and what the mail server literally said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from email.utils import format_datetime

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.senders import Sender
from campaign_app.sending import compose, probe
from campaign_app.sending.compose import Addressee, Source
from campaign_app.sending.handover import Outgoing, TransportError
from campaign_app.sending.workshop import Workshop

ALLOWANCE = "20 per 10 minutes"
"""A test connects wherever the sender points: nobody may look for open ports with it. One allowance
of a person for all doors and all pages that send tests."""
SCOPE = "test e-mails"
SPENT = "Those were many tests in a short time. Wait ten minutes, then try again."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a test: the server's `reply`, or a `problem`, and in which phase if it began."""

    to: str
    reply: str = ""
    problem: str = ""
    phase: str = ""


def campaign_mail(workshop: Workshop, source: Source, reader: Addressee) -> bytes:
    """The campaign's e-mail to one reader, marked as a test, as it goes over the wire.

    The reader's key must be new each time: mailboxes drop a second mail of the same Message-ID.
    """
    return compose.compose_one(
        replace(source, subject=f"[Test] {source.subject}"),
        reader,
        public_url=workshop.public_url,
        sign=workshop.sign,
        date=format_datetime(clock.now()),
    )


def hand_over(workshop: Workshop, sender: Sender, data: bytes, *, to: str) -> Outcome:
    """Send it over a connection of its own. Ends the transaction: none waits for a mail server.

    Raises Unavailable when the sender's password cannot be opened.
    """
    account = workshop.account(sender)
    outgoing = Outgoing(message_id=0, mail_from=sender.from_email, rcpt_to=to, data=data)
    db.session.commit()
    try:
        return Outcome(to, reply=str(probe.send_test(account, outgoing)))
    except TransportError as error:
        return Outcome(to, problem=error.message, phase=error.phase)
