"""Where the processes of a host leave their figures: files mapped into memory, one set a process.

Counting is a write to memory, no process waits for another, and what was counted outlives a
kill -9. What an ended process has counted is added to the `ended` files, because a sum that shrinks
would look like a restart of everything.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import values
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from campaign_app.lib import logs

ENDED = "ended"
SILENT_SECONDS = 86_400
"""How long another host (a container that is no more) may be silent before it counts as ended."""
ROOM = 4 * 1024**2
"""Bytes that must be free to begin with."""
SIZE = 64 * 1024
"""Bytes of a new file, as the library makes it."""
KINDS = ("counter", "histogram", "gauge_livesum")
"""What its files are called: what `metrics.Instruments` uses."""

log = logs.get(__name__)

HOST = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())


def process() -> str:
    """This process, unlike any other that shares the folder."""
    return f"{HOST}-{os.getpid()}"


def write_below(folder: Path) -> None:
    """Let every figure made from now on live in this process's files. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < ROOM:
        raise OSError(f"No room for metrics in {folder}")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    # The library decides this while it is imported, when nobody knows the folder yet.
    values.ValueClass = values.MultiProcessValue(process)
    for path in folder.glob(f"*_{process()}.db"):  # of one that had our number before us
        if not _is_whole(path):
            path.unlink()
    for kind in KINDS:
        _allocate(folder / f"{kind}_{process()}.db")
    tidy(folder)


def write_nowhere() -> None:
    """Let every figure made from now on live in this process's memory."""
    values.ValueClass = values.MutexValue


def read(folder: Path) -> list[Metric]:
    """The figures of all processes that share the folder, added up."""
    if not folder.is_dir():
        return []
    with _alone(folder):
        _tidy(folder)
        whole = [str(path) for path in _files(folder) if _is_whole(path)]
        return list(MultiProcessCollector.merge(whole, accumulate=True))


def tidy(folder: Path) -> None:
    """Move what ended processes have counted, and forget what they measured."""
    with _alone(folder):
        _tidy(folder)


def _tidy(folder: Path) -> None:
    ended = [path for path in _files(folder) if _is_total(path) or not _lives(path)]
    torn = [path for path in ended if not _is_whole(path)]
    for path in torn:  # with the others they could be neither read nor added up
        log.warning("metrics lost: their file was torn", file=path.name)
        path.unlink()
    for path in ended:
        if path not in torn and not _is_total(path):
            kind, _, _ = path.stem.rpartition("_")
            if not kind.startswith("gauge"):
                _add(path, folder / f"{kind}_{ENDED}.db")
            path.unlink()


def _is_total(path: Path) -> bool:
    return path.stem.endswith(f"_{ENDED}")


def _is_whole(path: Path) -> bool:
    """False for a file that a host has torn by losing its power: nothing here is fsynced."""
    try:
        for key, _, _, _ in MmapedDict.read_all_values_from_file(str(path)):
            json.loads(key)
    except (RuntimeError, ValueError, struct.error):
        return False
    return True


def _lives(path: Path) -> bool:
    host, _, pid = path.stem.rpartition("_")[2].rpartition("-")
    if host != HOST:
        return time.time() - path.stat().st_mtime < SILENT_SECONDS
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:  # somebody else's process, and alive
        return True
    return True


def _allocate(path: Path) -> None:
    """Take a file's room now: a mapped write to a full disk kills the process (SIGBUS)."""
    with path.open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, SIZE)


def _add(path: Path, total: Path) -> None:
    _allocate(total)
    sums = MmapedDict(str(total))
    try:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):
            before, _ = sums.read_value(key)
            sums.write_value(key, before + value, 0.0)
    finally:
        sums.close()


def _files(folder: Path) -> Iterable[Path]:
    """Every file that has been begun: one may be caught between its making and its first byte."""
    return [path for path in sorted(folder.glob("*.db")) if path.stat().st_size]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time: a reader must not see figures on their way from one file to another."""
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
