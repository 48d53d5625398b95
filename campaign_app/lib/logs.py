"""Structured logs: one line an event, with ids, never with a secret or somebody's address.

Every library's lines go the same way as ours: Flask's, Celery's, gunicorn's, SQLAlchemy's.
"""

from __future__ import annotations

import logging
import re
from collections.abc import MutableMapping
from typing import Any

import structlog

SECRET_WORDS = ("password", "token", "secret", "authorization", "cookie", "api_key")
HIDDEN = "…"
QUIETER = ("celery.app.trace", "celery.worker.strategy", "celery.beat", "alembic.runtime.plugins")
"""Libraries that write a line for each task, where ours has one for each that did something, or for
each of their plugins, above what a command prints."""
OWN_HANDLERS = ("gunicorn.error", "gunicorn.access")
"""Libraries that would write past us."""

_MASKS = (
    ("://", re.compile(r"(://)[^\s/@\"']*:[^\s/@\"']+(?=@)")),  # log-ins within URLs
    ("earer", re.compile(r"(\b[Bb]earer\s+)[\w.~+/=-]+")),
    ("/", re.compile(r"(/[ocu]/)[\w.-]{8,}")),  # the signed links of mails
    ("=", re.compile(r"(?i)(\b(?:password|passwd|secret|token)=['\"]?)[^\s'\",;&)]+")),
    ("@", re.compile(r"(\b[\w!#$%&*+/=?^`{|}~-])[\w.!#$%&'*+/=?^`{|}~-]*(?=@[\w-]+\.[\w.-]*\w)")),
)
"""What to look for only where this is found, and what of it may stay."""

get = structlog.stdlib.get_logger
bound = structlog.contextvars.bound_contextvars
"""`with logs.bound(sender=7):` puts the ids on every line that is written inside."""
bind = structlog.contextvars.bind_contextvars
"""Puts ids on every further line of this request or task."""
forget = structlog.contextvars.clear_contextvars


def redact(
    _logger: object, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Hide every value whose name says that it is a secret."""
    for key in event:
        if any(word in key.lower() for word in SECRET_WORDS):
            event[key] = HIDDEN
    return event


def mask(words: str) -> str:
    """Words without what they may hold: log-ins, tokens, people's addresses.

    An address keeps its first letter and its domain, which tells the provider.
    """
    for sign, pattern in _MASKS:
        if sign in words:
            words = pattern.sub(rf"\1{HIDDEN}", words)
    return words


def mask_all(
    _logger: object, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask every text of an event, the traceback's as well."""
    for key, value in event.items():
        event[key] = _masked(value)
    return event


def _masked(value: Any) -> Any:  # noqa: ANN401  # whatever somebody logs
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, dict):
        return {key: _masked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(one) for one in value]
    return mask(value if isinstance(value, str) else repr(value))


SHARED: tuple[structlog.types.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    redact,
)
"""What every line goes through, ours and other libraries'."""


def configure(*, level: str, as_json: bool) -> None:
    """Send structlog's and the standard library's lines through the same processors."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(as_json=as_json))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in QUIETER:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True


def formatter(*, as_json: bool) -> structlog.stdlib.ProcessorFormatter:
    """What turns a record of any library into a line."""
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    # Before the renderer, which may print local variables, and with them passwords.
    traceback = structlog.processors.format_exc_info
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED, processors=[remove_meta, traceback, mask_all, renderer]
    )
