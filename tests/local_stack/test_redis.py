import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from local_stack import redis as local_redis
from local_stack.errors import StartError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[local_redis.Server]:
    with local_redis.Server(tmp_path / "redis") as server:
        yield server


def kill(server: local_redis.Server, folder: Path) -> None:
    os.kill(int((folder / "redis.pid").read_text()), signal.SIGKILL)
    while server.is_alive():
        time.sleep(0.01)


def test_data_outlives_a_stop_and_a_start(server: local_redis.Server) -> None:
    with closing(redis.Redis.from_url(server.url)) as client:
        client.set("kept", "yes")
    server.stop()
    server.start()
    with closing(redis.Redis.from_url(server.url)) as client:
        assert client.get("kept") == b"yes"


def test_it_starts_again_after_sigkill_at_the_same_address(
    server: local_redis.Server, tmp_path: Path
) -> None:
    before = server.url
    kill(server, tmp_path / "redis")
    server.start()
    assert server.url == before


def test_it_ends_the_server_that_a_killed_run_left_behind(
    server: local_redis.Server, tmp_path: Path
) -> None:
    with local_redis.Server(tmp_path / "redis"):
        assert not server.is_alive()


def test_strangers_need_the_password(server: local_redis.Server) -> None:
    host_and_port = server.url.rpartition("@")[2]
    with (
        closing(redis.Redis.from_url(f"redis://{host_and_port}")) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_a_machine_without_redis_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_redis, "NAMES", ())
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(StartError, match="install Redis or Valkey, or set REDIS_URL"):
        local_redis.find_binary()
