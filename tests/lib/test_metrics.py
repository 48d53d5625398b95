"""Figures of several processes: threads, forks and kill -9 lose none and count none twice."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from campaign_app.lib import build, metric_files
from tests import alone
from tests.rules.source import ROOT

COUNT = """
import os, signal, sys, threading
from pathlib import Path
from campaign_app.lib import metrics

def work():
    for _ in range(100):
        metrics.window(messages=50, seconds=0.25)
        metrics.mails({"sent": 49, "failed": 1})
        metrics.hits(written=2, buffered=5)

def processes(count):
    for _ in range(count):
        if os.fork() == 0:
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            os.kill(os.getpid(), signal.SIGKILL)
    for _ in range(count):
        os.wait()

metrics.configure(Path(sys.argv[1]))
work()  # the parent has counted before it forks, as a prefork worker may
processes(3)
print(os.getpid(), flush=True)
sys.stdin.read()
"""
"""A process with forks, each of four threads and killed at its end; it stays until told."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


def counted(folder: Path) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in metric_files.read(folder)
        for sample in metric.samples
    }


def count(folder: Path, *, kill: bool = False) -> dict[tuple[str, ...], float]:
    """What is read while the counting process lives; it then ends, or is killed."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(alone.command(COUNT, folder), **pipes) as process:
        process.stdout.readline()
        found = counted(folder)
        if kill:
            process.kill()
        process.communicate()
    return found


def test_every_thread_of_every_process_is_counted(folder: Path):
    found = count(folder)
    assert found["carillon_mails_total", "sent"] == 49 * 1300
    assert found["carillon_mails_total", "failed"] == 1300
    assert found["carillon_window_seconds_count",] == 1300
    assert found["carillon_reply_seconds_bucket", "0.005"] == 1300
    assert found["carillon_hits_written_total",] == 2600


def test_what_the_killed_have_counted_stays_and_their_files_go(folder: Path):
    before = count(folder, kill=True)
    after = counted(folder)
    assert before["carillon_hits_buffered",] == 5  # the living process's alone
    assert ("carillon_hits_buffered",) not in after
    del before["carillon_hits_buffered",]
    assert after == before
    assert sorted(path.name for path in folder.iterdir()) == [
        "counter_ended.db",
        "histogram_ended.db",
        "lock",
    ]


def test_sums_never_shrink_over_restarts(folder: Path):
    sent = [count(folder, kill=True)["carillon_mails_total", "sent"] for _ in range(2)]
    assert sent == [49 * 1300 * runs for runs in (1, 2)]


def test_files_of_a_container_that_is_gone_are_kept_for_a_day(folder: Path):
    count(folder)
    counted(folder)
    foreign = (folder / "counter_ended.db").rename(folder / "counter_gone-host-7.db")
    assert counted(folder)["carillon_mails_total", "sent"] == 49 * 1300
    assert foreign.exists()
    long_ago = foreign.stat().st_mtime - metric_files.SILENT_SECONDS - 60
    os.utime(foreign, (long_ago, long_ago))
    assert counted(folder)["carillon_mails_total", "sent"] == 49 * 1300
    assert not foreign.exists()


def test_a_file_that_is_just_being_made_spoils_nothing(folder: Path):
    folder.mkdir()
    (folder / f"counter_{metric_files.process()}.db").touch()
    assert counted(folder) == {}


def test_a_folder_that_cannot_be_written_costs_figures_and_no_mail(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.touch()
    script = f"""
from pathlib import Path
from campaign_app.lib import metrics
metrics.configure(Path({str(blocked / "metrics")!r}))
metrics.mails({{"sent": 1}})
"""
    subprocess.run(alone.command(script), check=True, timeout=60)


@pytest.mark.parametrize("content", [b"\x40" + bytes(7) + b"\xff\xff", b"\x80" + bytes(4096)])
def test_files_torn_by_a_power_failure_spoil_nothing(folder: Path, content: bytes):
    folder.mkdir()
    for owner in ("ended", f"{metric_files.HOST}-999999"):
        (folder / f"counter_{owner}.db").write_bytes(content)
    assert counted(folder) == {}
    assert count(folder)["carillon_mails_total", "sent"] == 49 * 1300


@pytest.mark.parametrize("owner", ["ended", "{HOST}-999999", "{process()}"])
def test_a_torn_file_keeps_no_process_from_counting(folder: Path, owner: str):
    script = f"""
from pathlib import Path
from campaign_app.lib import metrics
from campaign_app.lib.metric_files import HOST, process
folder = Path({str(folder)!r})
folder.mkdir()
(folder / f"counter_{owner}.db").write_bytes(bytes([128]) + bytes(4096))
metrics.configure(folder)
metrics.mails({{"sent": 1}})
assert "carillon_mails" in [metric.name for metric in metrics.read()]
"""
    subprocess.run(alone.command(script), check=True, timeout=60)


def test_a_disk_that_fills_up_kills_nobody_who_counts(folder: Path):
    script = COUNT.replace("processes(3)", "")
    command = alone.command(script, folder)
    for _ in range(2):  # the second adds up what the first has counted
        subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL)
    files = list(folder.glob("*.db"))
    assert len(files) == 5
    for status in map(Path.stat, files):  # no holes: each write has its room already
        assert status.st_blocks * 512 >= status.st_size >= metric_files.SIZE


def test_a_process_of_somebody_else_is_alive(folder: Path):
    folder.mkdir()
    file = folder / f"counter_{metric_files.HOST}-1.db"
    file.write_bytes(bytes(64))
    assert counted(folder) == {}
    assert file.exists()


def test_the_version_is_the_projects():
    assert f'\nversion = "{build.VERSION}"\n' in (ROOT / "pyproject.toml").read_text()
