import os
import signal
import time
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

import pytest

from local_stack.supervise import Program, Supervisor, read_procfile


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    (tmp_path / "log").mkdir()
    supervisor = Supervisor(
        tmp_path, tmp_path / "log", directory=tmp_path, as_root=os.geteuid() == 0
    )
    yield supervisor
    supervisor.stop()


def wait_for(path: Path, *, other_than: str = "") -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()).endswith("\n") and text != other_than:
            return text
        time.sleep(0.05)
    raise AssertionError(f"{path.name} was not written")


def test_the_procfile_names_every_process_and_how_many(tmp_path: Path) -> None:
    procfile = tmp_path / "Procfile"
    procfile.write_text("# a comment: ignored\nweb: serve --bind x:1\nsending: send\n")
    programs = read_procfile(procfile, sending=3)
    assert programs == [Program("web", "serve --bind x:1", 1), Program("sending", "send", 3)]


def test_every_process_of_the_procfile_stops_before_the_mail_catcher(
    supervisor: Supervisor,
) -> None:
    programs = [Program("mailbox", "catch", priority=1), Program("a", "x"), Program("b", "y")]
    parser = RawConfigParser()
    parser.read_string(supervisor.configuration(programs))
    assert parser["group:priority-1"]["programs"] == "mailbox"
    assert parser["group:priority-999"]["programs"] == "a,b"
    assert parser["program:a"]["stopwaitsecs"] == "40"
    assert parser["program:a"]["stopasgroup"] == "false"


def test_a_process_that_dies_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    command = """sh -c 'echo $$ "100%" > pid; exec sleep 60'"""
    supervisor.start([Program("sleeper", command)], os.environ)
    first = wait_for(tmp_path / "pid")
    assert first.endswith(" 100%\n")
    os.kill(int(first.split()[0]), signal.SIGKILL)
    assert wait_for(tmp_path / "pid", other_than=first)


def test_copies_know_their_numbers(supervisor: Supervisor, tmp_path: Path) -> None:
    command = "sh -c 'echo here > number-$PROCESS_NUMBER; exec sleep 60'"
    supervisor.start([Program("sending", command, copies=2)], os.environ)
    assert wait_for(tmp_path / "number-0")
    assert wait_for(tmp_path / "number-1")


def test_processes_end_with_a_killed_supervisor(supervisor: Supervisor, tmp_path: Path) -> None:
    command = (
        "sh -c 'trap \"echo told > told; exit\" TERM; echo up > up; while :; do sleep 0.1; done'"
    )
    supervisor.start([Program("worker", command)], os.environ)
    wait_for(tmp_path / "up")
    os.kill(int(wait_for(tmp_path / "supervisord.pid")), signal.SIGKILL)
    assert wait_for(tmp_path / "told") == "told\n"
