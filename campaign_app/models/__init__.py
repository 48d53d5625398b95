"""The tables. Importing this package registers every one of them with the metadata."""

from campaign_app.models import (
    audit,
    campaigns,
    idempotency,
    imports,
    messages,
    people,
    recipient_bulk,
    recipient_words,
    recipients,
    segments,
    senders,
    tallies,
    templates,
    tracking,
    uploads,
)

__all__ = [
    "audit",
    "campaigns",
    "idempotency",
    "imports",
    "messages",
    "people",
    "recipient_bulk",
    "recipient_words",
    "recipients",
    "segments",
    "senders",
    "tallies",
    "templates",
    "tracking",
    "uploads",
]
