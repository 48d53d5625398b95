"""Become a command that dies with its parent: become.py PARENT SIGNAL UID GID COMMAND ...

A program of its own, run without the virtual environment, because the order matters: Linux
forgets the parent-death signal whenever a process changes its user.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Change the user (a UID below 0 keeps it), tie this process to its parent, then exec.

    PARENT is the expected parent's pid, or 0 when the parent cannot tell.
    """
    parent, death_signal, uid, gid = (int(word) for word in sys.argv[1:5])
    command = sys.argv[5:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
        if parent and os.getppid() != parent:  # it died before it could be heard
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  # the point of this program


if __name__ == "__main__":
    main()
