"""Answers for the live pages' polling: small JSON that says "nothing new" when nothing is."""

from __future__ import annotations

from flask import jsonify, request
from werkzeug.wrappers import Response


def answer(data: dict[str, object]) -> Response:
    """`data` as JSON with an ETag, or 304 when the asker has it already."""
    response = jsonify(data)
    response.add_etag()
    return response.make_conditional(request)
