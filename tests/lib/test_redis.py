"""What a Redis that hangs costs, compared with one that refuses."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from time import monotonic

import pytest
from redis.exceptions import RedisError

from campaign_app import extensions
from campaign_app.extensions import REDIS_SECONDS, RedisHandle


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisHandle]:
    """A client of a server that takes connections and never answers."""
    monkeypatch.setattr(extensions, "REDIS_SECONDS", REDIS_SECONDS)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        handle = RedisHandle()
        handle.connect(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        yield handle
        handle.client.close()


def test_a_redis_that_hangs_is_given_up_soon(hanging: RedisHandle):
    began = monotonic()
    with pytest.raises(RedisError):
        hanging.client.get("carillon:changes")
    assert monotonic() - began < REDIS_SECONDS + 3  # the library waits for five, several times
