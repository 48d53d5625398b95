"""The environment of the newcomer's stack: ports, secrets, and where everything is."""

from __future__ import annotations

import os
import random
import socket
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from config import Config
from local_stack import state
from local_stack.errors import StartError
from local_stack.state import State

FIRST_WEB_PORT = 8000


def web_port(environ: Mapping[str, str]) -> int:
    """PORT if it is set, else the first free one from 8000 on. Raises StartError when taken."""
    asked = environ.get("PORT", "")
    if asked and not asked.isdigit():
        raise StartError(f"PORT must be a number, not {asked!r}.")
    if asked:
        if not _is_free(int(asked)):
            raise StartError(f"Port {asked} is taken. Stop what uses it, or choose another PORT.")
        return int(asked)
    for port in range(FIRST_WEB_PORT, FIRST_WEB_PORT + 100):
        if _is_free(port):
            return port
    raise StartError("No port from 8000 to 8099 is free. Choose one with PORT.")


def smtp_port(kept: State) -> int:
    """The mail catcher's port: chosen once, because the demo sender's row names it."""
    port = int(kept.remember("smtp_port", _new_smtp_port))
    if not _is_free(port):
        raise StartError(
            f"Port {port} is taken, where the mail catcher listens. Stop what uses it."
        )
    return port


def build(environ: Mapping[str, str], kept: State, *, port: int) -> dict[str, str]:
    """Every setting of the stack but the addresses of its servers. What is set already stands."""
    host = environ.get("HOST", "127.0.0.1")
    settings = {
        "SECRET_KEY": kept.remember("secret_key", state.new_secret),
        "ENCRYPTION_KEYS": kept.remember("encryption_key", state.new_encryption_key),
        "PUBLIC_URL": f"http://{reachable(host)}:{port}",
    }
    settings |= {name: environ[name] for name in _setting_names() if environ.get(name)}
    return settings | {
        "ENVIRONMENT": "development",
        "ALLOW_PRIVATE_HOSTS": "1",
        "STATE_DIR": str(kept.folder),
        "MAILBOX_DIR": str(kept.folder / "mailbox"),
        "MAILBOX_SMTP_PORT": str(smtp_port(kept)),
        "HOST": host,
        "PORT": str(port),
        "STACK_PID": str(os.getpid()),
        "PATH": f"{Path(sys.executable).parent}:{environ.get('PATH', '')}",
    }


def sending_processes(environ: Mapping[str, str]) -> int:
    """WORKERS, or one for each core."""
    asked = environ.get("WORKERS", "")
    if asked and not (asked.isdigit() and int(asked) > 0):
        raise StartError(f"WORKERS must be a number from 1 on, not {asked!r}.")
    return int(asked) if asked else os.cpu_count() or 1


def reachable(host: str) -> str:
    """Where a client on this machine finds a server that listens on `host`."""
    return "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104


def _setting_names() -> list[str]:
    return [field.name.upper() for field in fields(Config)]


def _new_smtp_port() -> str:
    """A free port below those that Linux gives to outgoing connections."""
    for _ in range(100):
        port = random.randrange(20000, 30000)  # noqa: S311  # not a secret
        if _is_free(port):
            return str(port)
    raise StartError("No free port was found for the mail catcher.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
