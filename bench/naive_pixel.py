"""The pixel as it is first written: a Flask view that writes a row and commits, for every hit."""

from __future__ import annotations

from flask import Flask, abort, request
from sqlalchemy import create_engine, text
from werkzeug.wrappers import Response

from campaign_app.lib.signing import Signer
from campaign_app.public.pixel import GIF
from config import Config

INSERT = text(
    """
    INSERT INTO open_events (workspace_id, campaign_id, message_id, user_agent, ip)
    SELECT workspace_id, campaign_id, id, :agent, :ip FROM messages WHERE id = :message
    """
)
FIRST = text("UPDATE messages SET opened_at = now() WHERE id = :message AND opened_at IS NULL")

config = Config.from_environ()
engine = create_engine(config.sqlalchemy_url, pool_size=8)
signer = Signer(config.secret_key)
app = Flask(__name__)


@app.get("/o/<token>.gif")
def pixel(token: str) -> Response:
    """Write the hit down, and answer."""
    message = signer.read(token)
    if message is None:
        abort(404)
    seen = {"message": message, "agent": request.user_agent.string, "ip": request.remote_addr}
    with engine.begin() as connection:
        connection.execute(INSERT, seen)
        connection.execute(FIRST, seen)
    return Response(GIF, mimetype="image/gif", headers={"Cache-Control": "no-store"})
