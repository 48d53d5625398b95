"""The door for everybody: signed links, one-click unsubscribe, health."""

from __future__ import annotations

from flask import Flask

from campaign_app.guards import csrf
from campaign_app.public import (
    clicks,
    health,
    hits,
    icon,
    metrics,
    preferences,
    signup,
    unsubscribe,
    upload_parts,
)
from campaign_app.public.pixel import Pixel, PixelShortcut


def register(app: Flask) -> None:
    """Hang the public pages into the application, and the pixel in front of it."""
    app.register_blueprint(health.bp)
    app.register_blueprint(icon.bp)
    app.register_blueprint(metrics.bp)
    app.register_blueprint(clicks.bp)
    app.register_blueprint(unsubscribe.bp)
    app.register_blueprint(preferences.bp)
    app.register_blueprint(signup.bp)
    app.register_blueprint(upload_parts.bp)
    csrf.exempt(upload_parts.bp)  # each part's address is its own proof
    csrf.exempt(signup.bp)  # their forms stand on other sites, and no cookie comes with them
    csrf.exempt(preferences.bp)  # the signed link is the proof
    csrf.exempt(unsubscribe.bp)  # a mail program posts without a cookie and without our form
    pixel = Pixel(
        signer=app.extensions["signer"],
        hits=hits.install(app),
        hops=app.extensions["carillon_config"].trusted_proxies,
    )
    app.extensions["pixel"] = pixel
    app.wsgi_app = PixelShortcut(app.wsgi_app, pixel)  # type: ignore[method-assign]
