"""The one source of time, so that tests can travel and nothing is ever naive."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present, aware and in UTC."""
    return datetime.now(UTC)
