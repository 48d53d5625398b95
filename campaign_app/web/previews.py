"""An e-mail as one recipient would read it, shown where it can do no harm."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import Response, g

from campaign_app.lib.errors import Invalid
from campaign_app.models.recipients import Recipient
from campaign_app.sending import compose
from campaign_app.sending.compose import Addressee, Preview, Source

# Pictures and styles show (in the mailbox, the pixel counts an open), links open in a new tab; no
# scripts, no forms, none of our cookies.
POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "img-src http: https: data:; font-src http: https: data:; "
    "style-src 'unsafe-inline' http: https:; frame-ancestors 'self'"
)
NEW_TAB = '<base target="_blank">'


@dataclass(frozen=True, slots=True)
class Look:
    """What a recipient would read, or the problem that keeps it from being written."""

    addressee: Addressee
    preview: Preview | None
    problem: str = ""


def look(source: Source, recipient: Recipient | None) -> Look:
    """The e-mail as `recipient`, or else the person at the keyboard, would read it."""
    reader = addressee(recipient)
    try:
        return Look(reader, compose.preview(source, reader))
    except Invalid as problem:
        return Look(reader, None, problem.message)


def addressee(recipient: Recipient | None, *, email: str = "", key: str = "") -> Addressee:
    """The recipient's values, mailed to `email` where one is given."""
    if recipient is None:
        return Addressee(0, email or g.user.email, g.user.name, {}, key)
    return Addressee(0, email or recipient.email, recipient.name, recipient.attributes, key)


def framed(seen: Look) -> Response:
    """What is seen, for the sandboxed frame of a page."""
    return frame(seen.preview.html if seen.preview else "<p>There is nothing to show yet.</p>")


def frame(html: str) -> Response:
    """An e-mail's HTML alone, as it may stand in a frame of our own pages and nowhere else."""
    head = re.search(r"<head[^>]*>", html, re.IGNORECASE)
    place = head.end() if head else 0
    letter = Response(html[:place] + NEW_TAB + html[place:], mimetype="text/html")
    letter.headers["Content-Security-Policy"] = POLICY
    letter.headers["Referrer-Policy"] = "no-referrer"
    letter.headers["X-Frame-Options"] = "SAMEORIGIN"
    return letter
