"""Addresses and methods that the API does not have: it answers for them as for all others."""

from __future__ import annotations

from flask import Response, request
from werkzeug.exceptions import HTTPException

from campaign_app.api import problems
from campaign_app.api.openapi import ROOT


def answer() -> Response | None:
    """A problem for whoever has lost their way below the API's root; None for all others.

    Flask asks no blueprint about a request that matches none of its routes.
    """
    refusal = request.routing_exception
    below = request.path == ROOT or request.path.startswith(f"{ROOT}/")
    if not below or not isinstance(refusal, HTTPException) or (refusal.code or 0) < 400:
        return None
    return problems.of_http(refusal)
