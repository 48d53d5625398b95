"""The buffer of hits, one per process, and how a hit is read from a request."""

from __future__ import annotations

import atexit

from flask import Flask, current_app, request

from campaign_app.lib import clock
from campaign_app.tracking import record
from campaign_app.tracking.buffer import Buffer
from campaign_app.tracking.events import LONGEST_AGENT, UNKNOWN_LINK, Hit


def install(app: Flask) -> Buffer:
    """Make the process's buffer; what it still holds is written when the process ends."""

    def write(hits: list[Hit]) -> None:
        with app.app_context():
            record.write(hits)

    buffer = Buffer(write)
    app.extensions["hits"] = buffer
    atexit.register(buffer.close)
    return buffer


def note(message_id: int, *, link_number: int = UNKNOWN_LINK) -> None:
    """Keep the present request as a hit."""
    hit = Hit(
        message_id,
        clock.now(),
        method=request.method,
        user_agent=request.user_agent.string[:LONGEST_AGENT],
        ip=request.remote_addr or "",
        link_number=link_number,
    )
    current_app.extensions["hits"].add(hit)
