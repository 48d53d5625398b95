"""The mails that the recording server took, as their readers' programs see them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from tests.smtp_sink import Record

PIXEL = re.compile(r'<img[^>]+src="(http[^"]+/o/[^"]+\.gif)"')


def by_recipient(records: Iterable[Record]) -> dict[str, EmailMessage]:
    """Each recipient's mail; the last, if there were several."""
    return {
        record.rcpt: message_from_bytes(record.body, _class=EmailMessage, policy=default)
        for record in records
    }


def html(mail: EmailMessage) -> str:
    """The HTML part."""
    part = mail.get_body(("html",))
    assert part is not None, "The mail has no HTML part"
    return part.get_content()
