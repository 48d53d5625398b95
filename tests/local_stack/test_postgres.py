import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from local_stack import accounts, postgres
from local_stack.errors import StartError


@pytest.fixture(scope="module")
def cluster(shared_folder: Path) -> Iterator[postgres.Server]:
    """A server that the tests of this file stop, kill and start again."""
    server = postgres.Server(shared_folder / "data", settings=postgres.THROWAWAY)
    yield server
    server.stop()


@pytest.fixture
def server(cluster: postgres.Server) -> postgres.Server:
    if not cluster.is_alive():
        cluster.start()
    return cluster


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def postmaster(server: postgres.Server) -> int:
    return int((server.data_dir / "postmaster.pid").read_text().split()[0])


def test_data_outlives_a_stop_and_a_start(server: postgres.Server) -> None:
    run(server.url, "CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS number")
    server.stop()
    server.start()
    assert run(server.url, "SELECT number FROM kept") == [(1,)]


def test_it_starts_again_after_sigkill(server: postgres.Server) -> None:
    url = server.url
    os.kill(postmaster(server), signal.SIGKILL)
    while server.is_alive():
        time.sleep(0.01)
    server.start()
    assert run(url, "SELECT 1") == [(1,)]


def test_it_ends_the_server_that_a_killed_run_left_behind(server: postgres.Server) -> None:
    left_behind = postmaster(server)
    again = postgres.Server(server._asked_dir, settings=postgres.THROWAWAY)
    with again:
        assert postmaster(again) != left_behind
        assert not server.is_alive()


def test_a_pid_file_that_names_another_program_is_forgotten(server: postgres.Server) -> None:
    pid_file = server.data_dir / "postmaster.pid"
    content = pid_file.read_text()
    server.stop()
    pid_file.write_text(content.replace(content.split()[0], str(os.getpid()), 1))
    server.start()
    assert run(server.url, "SELECT 1") == [(1,)]


def test_a_database_can_be_copied(server: postgres.Server) -> None:
    run(server.create_database("template"), "CREATE TABLE copied AS SELECT 2 AS number")
    copy = server.create_database("copy", template="template")
    assert run(copy, "SELECT number FROM copied") == [(2,)]


def test_case_rules_are_those_of_unicode(server: postgres.Server) -> None:
    assert run(server.url, "SELECT lower('ÉÖ'), 'É' ILIKE 'é'") == [("éö", True)]


def test_a_long_path_gets_a_short_socket(folder: Path) -> None:
    with postgres.Server(folder / ("long " * 20) / "data", settings=postgres.THROWAWAY) as server:
        assert run(server.url, "SELECT 1") == [(1,)]
        socket_folder = Path(server.url.partition("host=")[2].partition("&")[0])
    assert not socket_folder.exists()


def test_it_dies_with_its_parent(folder: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from local_stack import postgres\n"
        "server = postgres.Server(Path(sys.argv[1]), settings=postgres.THROWAWAY); server.start()\n"
        "print(server.data_dir, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", program, str(folder / "data")]
    died = subprocess.run(command, check=False, capture_output=True, text=True)
    pid_file = Path(died.stdout.strip()) / "postmaster.pid"
    deadline = time.monotonic() + 60
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert died.returncode == -signal.SIGKILL
    assert not pid_file.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's folder")
def test_another_users_data_is_refused_by_name(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    os.chown(data, 65534, 65534)
    with pytest.raises(StartError, match="belongs to another user"):
        postgres.Server(data).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user reaches what is its own")
def test_binaries_below_a_closed_folder_are_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "HOME", folder / "home")
    original, account = accounts.postgres_binaries(None), accounts.for_postgres()
    copied = accounts._copy(original.parent.parent, folder / "home" / "1.0")
    assert accounts.run_as(account, str(copied / "initdb"), "--version").returncode == 0
    assert accounts._copy(original.parent.parent, folder / "home" / "1.0") == copied


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user reaches what is its own")
def test_data_below_a_closed_folder_is_kept_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "HOME", folder / "home")
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for _ in range(2):
        with postgres.Server(closed / "data", settings=postgres.THROWAWAY) as server:
            assert run(server.url, "SELECT 1") == [(1,)]
    assert (closed / "data").resolve() == server.data_dir
    assert len(list((folder / "home").iterdir())) == 1


def test_the_end_of_the_log_is_shown_when_it_does_not_start(folder: Path) -> None:
    broken = postgres.THROWAWAY | {"shared_buffers": "nonsense"}
    with pytest.raises(StartError, match='invalid value for parameter "shared_buffers"'):
        postgres.Server(folder / "data", settings=broken).start()
