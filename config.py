"""Carillon's settings, read once from the environment.

Every name here stands in `.env.example`, and a rule test keeps the two equal. Services and
engines never import this module: they receive the values they need as arguments.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

ENVIRONMENTS = ("development", "testing", "production")


class ConfigError(ValueError):
    """A setting is missing or unreadable; the message names it and says what to write."""


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one process. Sizes are bytes, times are seconds."""

    environment: str = "development"
    """`development` allows private mail hosts and the mailbox page; `production` neither."""
    secret_key: str = ""
    """Signs sessions and public links. Changing it breaks every link already mailed."""
    encryption_keys: str = ""
    """Fernet keys, comma-separated, newest first: they encrypt the senders' passwords."""
    database_url: str = ""
    redis_url: str = ""
    public_url: str = "http://127.0.0.1:8000"
    """What recipients' links start with, and where the browser finds the dashboard."""
    state_dir: str = "var"
    """Uploads, rejected rows and the workers' journals live below this folder."""
    allow_private_hosts: bool = False
    """Lets senders use loopback and private addresses. Development only."""
    mailbox_dir: str = ""
    """The Maildir of the development mail catcher; set, it opens `/dev/mailbox`."""
    mailbox_smtp_port: int = 0
    """The port the development mail catcher listens on."""
    workers: int = 2
    """How many sending processes run; the dispatcher shares their threads out fairly."""
    sending_threads: int = 48
    """Drains, that is connections, that one sending process runs at once."""
    lease_seconds: int = 60
    """How long a dead worker's mails wait until others take them over; renewed four times in it."""
    max_upload_bytes: int = 16 * 1024**3
    """The largest file that comes in parts; one that comes whole, by a form, is 2 GiB at most."""
    s3_endpoint_url: str = ""
    """Where the bucket's server is; empty: Amazon's own."""
    s3_bucket: str = ""
    """The bucket that uploads go to, past the web server; empty: they go below `state_dir`."""
    s3_access_key: str = ""
    s3_secret_key: str = ""
    s3_region: str = "us-east-1"
    trusted_proxies: int = 0
    """How many reverse proxies set X-Forwarded-*; 0 trusts none."""
    metrics_token: str = ""
    """Opens `/metrics` to who bears it; without one it is open to this machine, in development."""
    log_level: str = "INFO"
    log_json: bool = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read the settings; each field `x_y` comes from the variable `X_Y`.

        Raises ConfigError, naming the variable, when one is missing or unreadable.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, str | int | bool] = {}
        for field in fields(cls):
            raw = environ.get(field.name.upper())
            if raw is not None and raw != "":
                values[field.name] = _parse(field.name.upper(), raw, field.default)
        config = cls(**values)  # type: ignore[arg-type]  # _parse gives each field its own type
        config.check()
        return config

    def check(self) -> None:
        """Raise ConfigError unless the settings can serve."""
        if self.environment not in ENVIRONMENTS:
            raise ConfigError(f"ENVIRONMENT must be one of {', '.join(ENVIRONMENTS)}.")
        for name in ("secret_key", "encryption_keys", "database_url", "redis_url"):
            if not getattr(self, name):
                raise ConfigError(f"{name.upper()} is not set. See .env.example.")
        if self.lease_seconds < 4:
            raise ConfigError("LEASE_SECONDS must be at least 4: a lease is renewed every quarter.")
        if self.s3_bucket and not (self.s3_access_key and self.s3_secret_key):
            raise ConfigError("S3_BUCKET needs S3_ACCESS_KEY and S3_SECRET_KEY.")
        if self.environment == "production" and (self.allow_private_hosts or self.mailbox_dir):
            raise ConfigError("ALLOW_PRIVATE_HOSTS and MAILBOX_DIR are for development only.")

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL with the driver spelt out: SQLAlchemy 2.1 would take psycopg 3."""
        scheme, _, rest = self.database_url.partition("://")
        if scheme in ("postgres", "postgresql"):
            return f"postgresql+psycopg2://{rest}"
        return self.database_url

    @property
    def state_path(self) -> Path:
        """STATE_DIR as an absolute path."""
        return Path(self.state_dir).resolve()


def _parse(name: str, raw: str, default: object) -> str | int | bool:
    if isinstance(default, bool):
        lowered = raw.strip().lower()
        if lowered not in ("1", "0", "true", "false", "yes", "no"):
            raise ConfigError(f"{name} must be 1 or 0, not {raw!r}.")
        return lowered in ("1", "true", "yes")
    if isinstance(default, int):
        try:
            return int(raw)
        except ValueError:
            raise ConfigError(f"{name} must be a whole number, not {raw!r}.") from None
    return raw
