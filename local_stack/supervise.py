"""The Procfile's processes under supervisor, which starts again whatever dies."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_stack import children

STOP_SECONDS = 40
"""What a stop allows: a drain finishes its window, a web request its answer."""

SUPERVISOR = """\
[supervisord]
nodaemon=true
silent=true
{user}logfile={logs}/supervisord.log
logfile_maxbytes=5MB
pidfile={folder}/supervisord.pid
childlogdir={logs}
"""

# stopasgroup stays off: Celery's children must not hear of a warm shutdown, least of all twice.
PROGRAM = """
[program:{name}]
command={command}
priority={priority}
process_name=%(program_name)s-%(process_num)s
numprocs={copies}
numprocs_start=0
directory={directory}
environment=PROCESS_NUMBER="%(process_num)s"
umask=077
autorestart=true
startsecs=2
startretries=30
stopsignal=TERM
stopwaitsecs={stop_seconds}
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile={logs}/{name}-%(process_num)s.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1
"""


@dataclass(frozen=True, slots=True)
class Program:
    """One line of the Procfile: a shell command, and how many processes of it."""

    name: str
    command: str
    copies: int = 1
    priority: int = 999
    """Low numbers start first and stop last."""


def read_procfile(path: Path, *, sending: int) -> list[Program]:
    """The Procfile's programs; of `sending` there are as many processes as asked for."""
    programs = []
    for line in path.read_text().splitlines():
        name, colon, command = line.partition(":")
        if colon and not name.startswith("#"):
            copies = sending if name == "sending" else 1
            programs.append(Program(name.strip(), command.strip(), copies))
    return programs


class Supervisor:
    """supervisord and its programs, configured in `folder`, their output below `logs`."""

    def __init__(self, folder: Path, logs: Path, *, directory: Path, as_root: bool) -> None:
        self._folder, self._logs, self._directory = folder, logs, directory
        self._as_root = as_root
        self._configuration = folder / "supervisord.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self.log = logs / "supervisor.log"

    def start(self, programs: list[Program], environment: Mapping[str, str]) -> None:
        """Start supervisord, after ending one that a killed run may have left."""
        self.evict()
        self._configuration.write_text(self.configuration(programs))
        command = [sys.executable, "-m", "supervisor.supervisord", "-n"]
        self._process = children.start(
            [*command, "-c", str(self._configuration)],
            log=self.log,
            death_signal=signal.SIGTERM,
            environment=environment,
        )

    def stop(self) -> None:
        """Let every process finish what it is doing, for up to 40 s each, all at once."""
        if self._process is not None:
            children.stop(self._process, signal.SIGTERM, patience=STOP_SECONDS + 10)
            self._process = None

    def is_alive(self) -> bool:
        """Whether supervisord itself still runs."""
        return self._process is not None and self._process.poll() is None

    def configuration(self, programs: list[Program]) -> str:
        """supervisord.conf. Settings and secrets are not in it: processes inherit them."""
        text = SUPERVISOR.format(
            folder=_literal(self._folder),
            logs=_literal(self._logs),
            user="user=root\n" if self._as_root else "",
        )
        for program in programs:
            text += PROGRAM.format(
                name=program.name,
                command=_literal(children.tied_to_parent(program.command)),
                priority=program.priority,
                copies=program.copies,
                directory=_literal(self._directory),
                logs=_literal(self._logs),
                stop_seconds=STOP_SECONDS,
            )
        return text + _groups(programs)

    def evict(self) -> None:
        """End the supervisor that a killed run left behind, and wait for its processes."""
        pid_file = self._folder / "supervisord.pid"
        if pid_file.exists():
            children.evict(
                int(pid_file.read_text() or 0),
                mark=self._configuration,
                how=signal.SIGTERM,
                patience=STOP_SECONDS + 10,
            )


def _groups(programs: list[Program]) -> str:
    """A group for each priority: supervisor stops groups in turn, a group's members at once."""
    text = ""
    for priority in sorted({program.priority for program in programs}):
        names = ",".join(program.name for program in programs if program.priority == priority)
        text += f"\n[group:priority-{priority}]\nprograms={names}\npriority={priority}\n"
    return text


def _literal(value: object) -> str:
    """Text that supervisor is not to expand."""
    return str(value).replace("%", "%%")
