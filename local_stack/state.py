"""What `bin/run` keeps in STATE_DIR: its lock, its secrets, the running stack's settings."""

from __future__ import annotations

import fcntl
import os
import secrets
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from cryptography.fernet import Fernet

from local_stack.errors import StartError


class State:
    """The folder STATE_DIR, ours alone until `close()`."""

    def __init__(self, folder: Path) -> None:
        """Make and lock the folder.

        Raises StartError when it belongs to another user, or another `bin/run` holds it.
        """
        self.folder = folder.absolute()
        self.logs = self.folder / "log"
        self._make()
        self._lock = self._take_lock()

    def close(self) -> None:
        """Give the folder free for the next run."""
        self.settings_file.unlink(missing_ok=True)
        self._lock.close()

    @property
    def settings_file(self) -> Path:
        """What `bin/flask` reads; it stands exactly as long as the stack does."""
        return self.folder / "stack.env"

    def remember(self, name: str, make: Callable[[], str]) -> str:
        """The value kept under `name`, made the first time. Only its owner can read the file."""
        file = self.folder / name
        if not file.exists():
            fresh = file.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            fresh.touch(mode=0o600)
            fresh.write_text(make())
            fresh.rename(file)
        return file.read_text()

    def publish(self, settings: Mapping[str, str]) -> None:
        """Write the running stack's settings, as lines a shell can read."""
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(settings.items())]
        self.settings_file.unlink(missing_ok=True)
        self.settings_file.touch(mode=0o600)
        self.settings_file.write_text("".join(lines))

    def _make(self) -> None:
        try:
            # As root, PostgreSQL's own user has to pass through.
            self.folder.mkdir(
                mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True
            )
        except OSError as error:
            raise StartError(f"{self.folder} cannot be made: {error.strerror}.") from error
        owner = self.folder.stat().st_uid
        if owner != os.geteuid():
            raise StartError(
                f"{self.folder} belongs to another user (number {owner}), from an earlier run. "
                "Run as that user again, remove the folder, or choose another STATE_DIR."
            )
        self.logs.mkdir(mode=0o700, exist_ok=True)

    def _take_lock(self) -> IO[str]:
        lock = (self.folder / "run.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StartError(
                f"Another bin/run is using {self.folder}. Stop it, or choose another STATE_DIR."
            ) from None
        return lock


def new_secret() -> str:
    """A key to sign with."""
    return secrets.token_urlsafe(48)


def new_encryption_key() -> str:
    """A Fernet key."""
    return Fernet.generate_key().decode()


def new_password() -> str:
    """A password a person can copy from the terminal."""
    return secrets.token_urlsafe(9)
