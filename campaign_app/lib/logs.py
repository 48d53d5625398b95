"""Structured logs: one line an event, with ids, never with a secret."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

SECRET_WORDS = ("password", "token", "secret", "authorization", "cookie")
HIDDEN = "…"

get = structlog.stdlib.get_logger


def redact(
    _logger: object, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Hide every value whose name says that it is a secret."""
    for key in event:
        if any(word in key.lower() for word in SECRET_WORDS):
            event[key] = HIDDEN
    return event


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
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED, processors=[remove_meta, *_renderers(as_json=as_json)]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def _renderers(*, as_json: bool) -> list[structlog.types.Processor]:
    if as_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Plain: the pretty traceback prints local variables, and with them passwords.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
