"""What most benchmarks can be asked for."""

from __future__ import annotations

import argparse

PARALLEL_DRAINS = 48
"""Of one sending process, as the Procfile says: its limit of connections."""


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the module's docstring, as it is written."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_campaign(
    found: argparse.ArgumentParser, *, mails: int, connections: int, rounds: int
) -> None:
    """How much is sent, how often and over how many connections; these are the defaults."""
    found.add_argument("--mails", type=int, default=mails, help=f"a campaign's ({mails:,})")
    found.add_argument("--size", type=int, default=10_240, help="bytes of a mail (10,240)")
    found.add_argument("--rounds", type=int, default=rounds, help=f"of all by turns ({rounds})")
    found.add_argument(
        "--connections", type=int, default=connections, help=f"of each sender ({connections})"
    )
    add_processes(found)


def add_processes(found: argparse.ArgumentParser) -> None:
    """How many sending processes there are."""
    found.add_argument(
        "--processes", type=int, default=0, help="that send (2, or what the connections need)"
    )


def processes(options: argparse.Namespace) -> int:
    """As many as asked for; else two, or enough for the connections."""
    enough = -(-options.connections // PARALLEL_DRAINS)
    return int(options.processes) or max(2, enough)
