import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local_stack import children

ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, "-m", "local_stack.run"]
PATIENCE = 300


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    """What a newcomer's shell has, with a state folder and a port of the test's own."""
    own = {"STATE_DIR": str(folder / "var"), "PORT": str(children.free_port()), "WORKERS": "1"}
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **own}


def start(environment: dict[str, str], folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """`bin/run`, on its way up; its words go to the file `out`."""
    with (folder / "out").open("w") as out:
        return subprocess.Popen([*RUN, *options], cwd=ROOT, env=environment, stdout=out, stderr=out)


def refused(environment: dict[str, str]) -> str:
    """What a `bin/run` that must not start says."""
    run = subprocess.run(
        RUN, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout) == (1, "")
    return run.stderr


def wait_for(words: str, out: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while words not in (text := out.read_text()):
        assert process.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.1)


def processes_naming(folder: Path) -> list[str]:
    """The command lines that are still at work on a folder."""
    lines = subprocess.run(["ps", "ax", "-o", "args="], check=True, capture_output=True, text=True)
    return [line for line in lines.stdout.splitlines() if str(folder) in line]


@pytest.mark.stack
def test_it_sends_the_demo_and_leaves_nothing_running(
    environment: dict[str, str], folder: Path
) -> None:
    run = start(environment, folder, "--send-demo")
    wait_for("Starting the web server", folder / "out", run)
    run.send_signal(signal.SIGSTOP)  # however long the other takes to come
    assert refused(environment).startswith("Another bin/run is using")
    run.send_signal(signal.SIGCONT)
    assert run.wait(PATIENCE) == 0, (folder / "out").read_text()
    assert re.search(r"sent +200\n", (folder / "out").read_text())
    assert len(list((folder / "var" / "mailbox" / "new").iterdir())) == 200
    assert processes_naming(folder) == []


@pytest.mark.stack
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_on_its_way_up(
    environment: dict[str, str], folder: Path, number: signal.Signals
) -> None:
    run = start(environment, folder)
    wait_for("Bringing the database up to date", folder / "out", run)
    run.send_signal(number)
    assert run.wait(PATIENCE) == 0
    assert "Stopping…" in (folder / "out").read_text()
    assert processes_naming(folder) == []


def test_a_taken_port_is_one_line(environment: dict[str, str]) -> None:
    port = environment["PORT"]
    with socket.create_server(("127.0.0.1", int(port))):
        words = refused(environment)
    assert words == f"Port {port} is taken. Stop what uses it, or choose another PORT.\n"


def test_bin_flask_says_that_the_stack_is_not_running(environment: dict[str, str]) -> None:
    command = [ROOT / "bin" / "flask", "users"]
    run = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert run.returncode == 1
    assert "The stack is not running. Start it with bin/run" in run.stderr
