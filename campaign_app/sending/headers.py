"""The headers every campaign mail carries."""

from __future__ import annotations

import re

from campaign_app.lib import address, liquid
from campaign_app.lib.errors import Invalid
from campaign_app.sending import mime
from campaign_app.sending.segments import Layout, Slot, remembered
from campaign_app.sending.source import Addressee, Source

# Names under which a mail's own values lie beside the recipient's; no column is called like that.
TOKEN = "_carillon_token"  # noqa: S105  the name of a field
DATE, TO, MESSAGE_ID = "\0date", "\0to", "\0message id"

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)


def lay(layout: Layout, source: Source, *, public_url: str, boundary: str) -> None:
    """Begin a mail's layout with its headers and the blank line after them.

    Raises Invalid when the campaign's own values cannot stand in a header.
    """
    layout.literal(_from(source) + b"To: ")
    layout.slot(_ready(TO))
    layout.literal(b"\r\n")
    _lay_subject(layout, source)
    layout.literal(b"Date: ")
    layout.slot(_ready(DATE))
    layout.literal(b"\r\nMessage-ID: ")
    layout.slot(_ready(MESSAGE_ID))
    layout.literal(f"\r\nList-Unsubscribe: <{public_url}/u/".encode())
    layout.slot(_ready(TOKEN))
    layout.literal(b">\r\n" + _fixed(source, boundary))


def recipient(name: str, email: str) -> str:
    """The To header's value. Raises Invalid for an address no header can carry."""
    if not _ADDRESS.fullmatch(email):
        raise Invalid(f"{email!r} is not an address that mail can be sent to.")
    return address.mailbox(mime.one_line(name), email)


def message_id(campaign_id: int, addressee: Addressee, domain: str) -> str:
    """A message's Message-ID: the same for every attempt, so that a second one can be seen."""
    key = addressee.mail_key
    if key and not (key.isascii() and key.isalnum()):
        key = re.sub(r"[^0-9A-Za-z_-]", "", key)
    unique = f"{addressee.message_id}.{key}" if key else str(addressee.message_id)
    return f"<c{campaign_id}.m{unique}@{domain}>"


def subject_template(source: Source) -> liquid.Template:
    """The subject, with the campaign's mark where the source asks for it."""
    mark = f" [CID:{source.campaign_id}]" if source.mark_subject else ""
    return liquid.compile(source.subject + mark)


def _ready(name: str) -> Slot:
    return lambda values: values[name].encode()


def _from(source: Source) -> bytes:
    lines = f"From: {_sender(source.from_name, source.from_email)}\r\n"
    if source.reply_to:
        lines += f"Reply-To: {_sender('', source.reply_to)}\r\n"
    return lines.encode()


def _sender(name: str, email: str) -> str:
    if not _ADDRESS.fullmatch(email):
        raise Invalid(f"{email!r} cannot be the address a mail comes from. Correct the sender.")
    return address.display(name, email)


def _lay_subject(layout: Layout, source: Source) -> None:
    template = subject_template(source)
    if template.is_plain and not template.fields:
        layout.literal(mime.header("Subject", template.render({})))
        return
    (name, *more) = template.fields or ("",)
    if template.is_plain and not more:

        def encode(text: str) -> bytes:
            return mime.header("Subject", template.render({name: text}))

        layout.slot(remembered(name, "", encode))
    else:
        layout.slot(lambda values: mime.header("Subject", template.render(values)))


def _fixed(source: Source, boundary: str) -> bytes:
    """One-click (RFC 8058), List-Id (RFC 2919), Gmail's Feedback-ID, the mark for bounces."""
    campaign, workspace = source.campaign_id, source.workspace_id
    return (
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        f"List-Id: <w{workspace}.{address.domain(source.from_email)}>\r\n"
        f"Feedback-ID: c{campaign}:w{workspace}:campaign:carillon\r\n"
        "Precedence: bulk\r\n"
        "Auto-Submitted: no\r\n"
        f"X-Carillon-Campaign: {campaign}\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'
    ).encode()
