"""The web process: `gunicorn wsgi:app`."""

from campaign_app import create_app

IDLE_SECONDS = 120
"""Whoever downloads a file may stall in the midst of its rows: that is no matter of leases."""

STATEMENT_SECONDS = 20
"""Nobody waits longer for a page, and a thread that does serves no one else; downloads may."""

app = create_app(idle_seconds=IDLE_SECONDS, statement_seconds=STATEMENT_SECONDS)
