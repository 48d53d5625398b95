"""The mail that “Send a test” sends: plain, and saying what it proves."""

from __future__ import annotations

from campaign_app.lib import address
from campaign_app.models.senders import Sender
from campaign_app.services import single_mails


def compose(sender: Sender, *, to: str) -> bytes:
    """The mail as it goes over the wire."""
    mail = single_mails.begin(sender, to=to, subject=f"Carillon: a test of “{sender.name}”")
    mail.set_content(
        f"Good news: this e-mail came through {sender.host}.\n\n"
        f"The sender “{sender.name}” of Carillon can log in there and hand e-mails over."
        " If this one landed in the spam folder, look at the SPF, DKIM and DMARC records of"
        f" {address.domain(sender.from_email)}.\n"
    )
    return single_mails.on_the_wire(mail)
