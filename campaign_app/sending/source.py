"""What goes into composing: the frozen campaign, one recipient, and what a preview shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Source:
    """A campaign as it was frozen at its start."""

    campaign_id: int
    workspace_id: int
    subject: str
    html: str
    """Empty: made from the text."""
    text: str
    """Empty: made from the HTML."""
    from_name: str
    from_email: str
    reply_to: str = ""
    mark_subject: bool = False
    """Adds ` [CID:18]` to the subject, by which bounces without our headers are recognised."""
    footer: str = ""
    """Plain text above the unsubscribe link that is added where the author left it out."""


class Addressee(NamedTuple):
    """One message's recipient."""

    message_id: int
    email: str
    name: str
    attributes: Mapping[str, str]
    mail_key: str = ""
    """Makes the Message-ID hard to guess; the same for every attempt of a message."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What one recipient would read. The HTML is sanitised once more after it was filled in."""

    subject: str
    html: str
    text: str
