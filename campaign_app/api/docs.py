"""What describes the API, for everybody: the document for programs, a page for people."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, render_template, request

from campaign_app.api import manual, openapi
from campaign_app.api.operations import OPERATIONS

bp = Blueprint("api_docs", __name__, url_prefix=openapi.ROOT)


@bp.get("/openapi.json")
def document() -> Response:
    """The OpenAPI document."""
    return jsonify(openapi.document(OPERATIONS))


@bp.get("/docs")
def page() -> str:
    """The same, to be read."""
    found = openapi.document(OPERATIONS)
    return render_template(
        "api/docs.html",
        paragraphs=manual.paragraphs(openapi.ABOUT),
        chapters=manual.chapters(found, server=request.url_root.rstrip("/")),
    )
