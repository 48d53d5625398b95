import signal
import socket
from pathlib import Path

import pytest

from local_stack import children
from local_stack.errors import StartError


def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    deaf = ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"]
    log = tmp_path / "deaf.log"
    process = children.start(deaf, log=log, death_signal=signal.SIGKILL)
    children.wait_until(lambda: "deaf" in children.tail(log), process, log=log)
    children.stop(process, signal.SIGTERM, patience=0.2)
    assert process.returncode == -signal.SIGKILL


def test_a_child_that_ends_early_shows_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "hasty.log"
    process = children.start(
        ["/bin/sh", "-c", "echo no such luck; exit 3"], log=log, death_signal=signal.SIGKILL
    )
    with pytest.raises(StartError, match=r"hasty ended with status 3:\n +no such luck"):
        children.wait_until(lambda: False, process, log=log)


def test_a_child_that_never_answers_is_given_up(tmp_path: Path) -> None:
    log = tmp_path / "mute.log"
    process = children.start(["/bin/sleep", "60"], log=log, death_signal=signal.SIGKILL)
    with pytest.raises(StartError, match="mute did not answer"):
        children.wait_until(lambda: False, process, log=log, patience=0.1)
    children.stop(process, signal.SIGTERM)


def test_postgres_variables_do_not_reach_a_child(tmp_path: Path) -> None:
    log = tmp_path / "env.log"
    environment = {"PGDATA": "elsewhere", "KEPT": "yes"}
    process = children.start(
        ["/usr/bin/env"], log=log, death_signal=signal.SIGKILL, environment=environment
    )
    process.wait()
    assert "KEPT=yes" in children.tail(log)
    assert "PGDATA" not in children.tail(log)


def test_only_a_process_with_our_mark_is_evicted(tmp_path: Path) -> None:
    log = tmp_path / "sleep.log"
    process = children.start(["/bin/sleep", "60"], log=log, death_signal=signal.SIGKILL)
    children.evict(process.pid, mark=tmp_path, how=signal.SIGTERM)
    assert process.poll() is None
    children.stop(process, signal.SIGTERM)


def test_a_free_port_can_be_taken() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", children.free_port()))
