"""E-mails of a sender that belong to no campaign: a test of it, a confirmation."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from campaign_app.lib import address, clock
from campaign_app.models.senders import Sender

_DOT = re.compile(rb"^\.", re.MULTILINE)


def begin(sender: Sender, *, to: str, subject: str) -> EmailMessage:
    """A mail with its headers, ready for its content."""
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # any server takes that
    mail["From"] = Address(sender.from_name, addr_spec=sender.from_email)
    mail["To"] = to
    if sender.reply_to:
        mail["Reply-To"] = sender.reply_to
    mail["Subject"] = " ".join(subject.split())
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = make_msgid(domain=address.domain(sender.from_email))
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    return mail


def on_the_wire(mail: EmailMessage) -> bytes:
    """The mail as it goes over the wire: CRLF and dot-stuffed (RFC 5321 §4.5.2)."""
    return _DOT.sub(b"..", mail.as_bytes())
