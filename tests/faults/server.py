"""The recording SMTP server as a process of its own: nothing a test kills can touch its ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults.ledger import Ledger
from tests.smtp_session import Fault
from tests.stack.workers import ROOT


class MailServer:
    """`tests.smtp_sink` in a process; `options` are SmtpSink's: latency, fsync, credentials…

    It may be stopped and started again: port and ledger stay, the script has to be given again.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.port = 0
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Listen; on the same port as before, if there was one."""
        self.ledger.path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.smtp_sink", "--port", str(self.port)]
        command += ["--ledger", str(self.ledger.path), "--options", json.dumps(self._options)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.port = int(self._heard())

    def script(self, *faults: Fault) -> None:
        """These faults from now on, and no others."""
        assert self._process is not None
        assert self._process.stdin is not None
        script = json.dumps([asdict(fault) for fault in faults])
        self._process.stdin.write(f"{script}\n")
        self._process.stdin.flush()
        assert self._heard() == "ok"

    def stop(self) -> None:
        """Go away: what is accepted stays in the ledger, new connections are refused."""
        if self._process is not None and self._process.stdin and self._process.stdout:
            self._process.stdin.close()
            self._process.wait(20)
            self._process.stdout.close()
            self._process = None

    def _heard(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


ServerMaker = Callable[..., MailServer]
"""Starts a further server with this script: `servers(Fault(…), latency=0.05)`."""
