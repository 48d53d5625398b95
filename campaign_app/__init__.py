"""Carillon: a multi-tenant dashboard for bulk e-mail."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, request, session
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.utils import import_string

from campaign_app import models
from campaign_app.extensions import db, redis
from campaign_app.lib import deadlocks, logs, metrics, stores, tenancy
from campaign_app.lib.secrets import Vault
from campaign_app.lib.signing import Signer
from campaign_app.lib.tickets import TicketOffice
from campaign_app.lib.wsgi import Observed
from campaign_app.tasks import signals
from campaign_app.tasks.queues import make_celery
from config import Config

__all__ = ["create_app", "models"]

DOORS = ("campaign_app.web", "campaign_app.public", "campaign_app.api", "campaign_app.cli")
"""By which people and programs come in. The order is that of their hooks."""
GUARDS = "campaign_app.guards"
MOST_IN_ONE = 2 * 1024**3
"""Bytes of one request; what is larger comes in parts."""


class _Application(Flask):
    """Every door's views, each given another try after a deadlock."""

    def dispatch_request(self) -> ResponseReturnValue:
        """What the view answers. After a deadlock it begins anew, its locks let go."""
        return deadlocks.survive(super().dispatch_request, is_repeatable=_is_repeatable)


def _is_repeatable() -> bool:
    """Whether the request's input is still there, and its visitor was told nothing yet."""
    has_body = request.content_length or "Transfer-Encoding" in request.headers
    is_kept = not has_body or request.is_json or bool(request.form)
    return is_kept and not request.files and not session.modified


def create_app(
    config: Config | None = None,
    *,
    doors: Sequence[str] = DOORS,
    idle_seconds: int | None = None,
    statement_seconds: int = 0,
) -> Flask:
    """The application, ready to serve; settings come from the environment unless given.

    A worker opens no `doors`: their modules are read when they are opened, and take 20 MB.
    `idle_seconds` is how long a database session may stop in mid-transaction, a lease's time unless
    given; `statement_seconds` is how long a statement may take, 0 for any time.
    Raises ConfigError when a setting is missing or unreadable.
    """
    config = config or Config.from_environ()
    logs.configure(level=config.log_level, as_json=config.log_json)
    metrics.configure(config.state_path / "metrics")
    app = _Application(__name__)
    patience = _patience(idle_seconds or config.lease_seconds, statement_seconds)
    app.config.update(_flask_settings(config, patience))
    _keep_tools(app, config)
    _connect(app, config)
    celery = make_celery(app, redis_url=config.redis_url)
    celery.set_default()
    signals.connect()
    app.wsgi_app = Observed(app.wsgi_app)  # type: ignore[method-assign]
    for module in (GUARDS, *doors) if doors else ():
        import_string(module).register(app)
    _trust_proxies(app, hops=config.trusted_proxies)
    return app


def _flask_settings(config: Config, patience: str) -> dict[str, object]:
    return {
        "SECRET_KEY": config.secret_key,
        "SQLALCHEMY_DATABASE_URI": config.sqlalchemy_url,
        # 8 + 8: 48 drains share them, because none holds a connection while it waits.
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_size": 8,
            "max_overflow": 8,
            "pool_pre_ping": True,
            "hide_parameters": True,  # an error in the log must not tell addresses and hashes
            "connect_args": {"options": patience},
        },
        "RATELIMIT_STORAGE_URI": config.redis_url,
        "RATELIMIT_ENABLED": config.environment != "testing",
        # Signing in must work while Redis is away: the throttle then counts per process.
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,
        "RATELIMIT_STORAGE_OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SECURE": config.public_url.startswith("https://"),
        "REMEMBER_COOKIE_SECURE": config.public_url.startswith("https://"),
        "REMEMBER_COOKIE_HTTPONLY": True,
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "MAX_CONTENT_LENGTH": min(config.max_upload_bytes, MOST_IN_ONE),
        "MAX_FORM_MEMORY_SIZE": 8 * 1024**2,
        "WTF_CSRF_TIME_LIMIT": None,  # a draft left open overnight must still save
        "TESTING": config.environment == "testing",
    }


def _keep_tools(app: Flask, config: Config) -> None:
    """What is made from secrets and settings, for all who serve a request or do a job."""
    app.extensions["carillon_config"] = config
    app.extensions["vault"] = Vault(config.encryption_keys)
    app.extensions["signer"] = Signer(config.secret_key)
    for purpose in ("signup_forms", "signups"):
        app.extensions[f"{purpose}_signer"] = Signer(config.secret_key, purpose=purpose)
    app.extensions["stores"] = _stores(config)


def _stores(config: Config) -> stores.Stores:
    bucket = stores.Bucket(
        config.s3_endpoint_url,
        config.s3_bucket,
        config.s3_access_key,
        config.s3_secret_key,
        config.s3_region,
    )
    tickets = TicketOffice(config.secret_key)
    return stores.open_at(config.state_path, tickets, bucket if bucket.name else None)


def _patience(idle_seconds: int, statement_seconds: int) -> str:
    """PostgreSQL ends a session that stops in mid-transaction, and a statement, after this long.

    A frozen worker, or a host that fell off the network, would hold its rows for hours, and whoever
    takes its batches back would wait for them.
    """
    return (
        f"-c idle_in_transaction_session_timeout={idle_seconds * 1000}"
        f" -c statement_timeout={statement_seconds * 1000}"
    )


def _connect(app: Flask, config: Config) -> None:
    tenancy.install()
    deadlocks.install()
    db.init_app(app)
    redis.connect(config.redis_url)


def _trust_proxies(app: Flask, *, hops: int) -> None:
    """Outermost, so that the pixel's shortcut, too, sees the reader's address."""
    if hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
