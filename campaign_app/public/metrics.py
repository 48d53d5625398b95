"""`/metrics` for Prometheus: the figures of every process of this host, and of the whole stack."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from flask import Blueprint, abort, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from werkzeug.wrappers import Response

from campaign_app.extensions import db, redis
from campaign_app.lib import metrics
from campaign_app.services import health
from campaign_app.services import metrics as figures
from campaign_app.tasks.queues import QUEUES, lists
from config import Config

FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via")
"""Set by proxies: behind one, everybody comes from this machine."""

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def scrape() -> Response:
    """Everything, in Prometheus's text format; to others there is no such page."""
    config: Config = current_app.extensions["carillon_config"]
    if not may_read(config):
        abort(404)
    state = health.check(db.engine, redis_url=config.redis_url)
    queues = {name: lists(name) for name in QUEUES}
    found = figures.everything(metrics.read(), health=state, broker=redis.client, queues=queues)
    db.session.rollback()
    return Response(_text(found), content_type=CONTENT_TYPE_LATEST)


def may_read(config: Config) -> bool:
    """The bearer of the token; without one, this very machine, unless in production."""
    if config.metrics_token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {config.metrics_token}".encode())
    if config.environment == "production" or any(name in request.headers for name in FORWARDED):
        return False
    return _is_loopback(request.remote_addr or "")


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


class _Found(Collector):
    def __init__(self, found: Sequence[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found


def _text(found: Sequence[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Found(found))
    return generate_latest(registry)
