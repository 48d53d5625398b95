"""What an e-mail says, in campaigns as in saved templates: made safe, and checked as Liquid."""

from __future__ import annotations

from dataclasses import dataclass, replace

from campaign_app.lib import html as markup
from campaign_app.lib import liquid
from campaign_app.lib.errors import Invalid

MAX_SUBJECT = 255
MAX_BODY = 1_500_000
"""Characters of one part: room for pictures as data URLs, and well below Liquid's limit of 2 MB."""
GMAIL_CLIPS_AT = 102_000
"""Bytes of HTML after which Gmail hides the rest behind “View entire message”."""


@dataclass(frozen=True, slots=True)
class Content:
    """A subject and two bodies; an empty one is made from the other when sending."""

    subject: str = ""
    html: str = ""
    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to read."""
        has_picture = "<img" in self.html.lower()
        return not (self.text.strip() or has_picture or markup.to_text(self.html).strip())


def problems(content: Content) -> dict[str, str]:
    """What is wrong, by field, with the line number where there is one; empty when all is well."""
    found = {}
    for field, escape in (
        ("subject", liquid.Escape.NONE),
        ("html", liquid.Escape.HTML),
        ("text", liquid.Escape.NONE),
    ):
        try:
            _check(field, getattr(content, field), escape)
        except Invalid as problem:
            found[field] = problem.message
    return found


def checked(content: Content) -> Content:
    """The content as it is stored: HTML sanitised, the subject on one line.

    Raises Invalid, naming the field, for the first thing that is wrong.
    """
    tidy = replace(content, subject=" ".join(content.subject.split()))
    for field, message in problems(tidy).items():
        raise Invalid(message, field=field)
    safe = replace(tidy, html=markup.sanitise(tidy.html))
    for field, message in problems(safe).items():  # what the sanitiser took may leave half a block
        raise Invalid(message, field=field)
    return safe


def _check(field: str, value: str, escape: liquid.Escape) -> None:
    most = MAX_SUBJECT if field == "subject" else MAX_BODY
    if len(value) > most:
        raise Invalid(f"This is {len(value):,} characters long; {most:,} is the most.")
    liquid.compile(value, escape=escape)
