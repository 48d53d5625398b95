"""The mail that “Send a test” sends: plain, and saying what it proves."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from campaign_app.lib import address, clock
from campaign_app.models.senders import Sender

_DOT = re.compile(rb"^\.", re.MULTILINE)


def compose(sender: Sender, *, to: str) -> bytes:
    """The mail as it goes over the wire: CRLF and dot-stuffed (RFC 5321 §4.5.2)."""
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # any server takes that
    mail["From"] = Address(sender.from_name, addr_spec=sender.from_email)
    mail["To"] = to
    if sender.reply_to:
        mail["Reply-To"] = sender.reply_to
    mail["Subject"] = f"Carillon: a test of “{sender.name}”"
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = make_msgid(domain=address.domain(sender.from_email))
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    mail.set_content(
        f"Good news: this e-mail came through {sender.host}.\n\n"
        f"The sender “{sender.name}” of Carillon can log in there and hand e-mails over."
        " If this one landed in the spam folder, look at the SPF, DKIM and DMARC records of"
        f" {address.domain(sender.from_email)}.\n"
    )
    return _DOT.sub(b"..", mail.as_bytes())
