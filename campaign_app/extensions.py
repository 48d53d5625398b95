"""The shared objects, made here unconfigured and configured in `create_app`."""

from __future__ import annotations

from flask_sqlalchemy import SQLAlchemy
from redis import Redis
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base of every table; constraint names are fixed so that migrations can drop them."""

    metadata = MetaData(naming_convention=NAMING)


REDIS_SECONDS = 1.0
"""Longer than any command here takes; a Redis that hangs holds up every window for so long."""


class RedisHandle:
    """A Redis client that can be imported before it is configured. Celery's broker has its own."""

    def __init__(self) -> None:
        self._client: Redis | None = None

    def connect(self, url: str) -> None:
        """Prepare the connection pool; nothing is sent before the first command."""
        self._client = Redis.from_url(
            url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        )

    @property
    def client(self) -> Redis:
        """The connected client. Raises RuntimeError before `connect`."""
        if self._client is None:
            raise RuntimeError("Redis is used before create_app() has connected it.")
        return self._client


db = SQLAlchemy(metadata=Base.metadata)
redis = RedisHandle()
