"""What a journal's file name says: whose it is, and whether it can have lost its last lines.

A journal outlives its process, but not a power failure: it is never fsynced. So its name carries
the boot of the host that it was written in. Read in the same boot, it is whole, and what it does
not name was never begun; read in another one, or on another host, only what it does say is true.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def _this_boot() -> str:
    """Eight digits of the kernel's boot id.

    A sandbox without one has no power to fail either: its journals are held to be whole, or every
    kill there would leave a whole window in doubt.
    """
    try:
        return _BOOT_ID.read_text()[:8]
    except OSError:
        return "sandbox"


def of(sender_id: int, slot: int, slot_fence: int) -> str:
    """The file name of a connection's journal. A slot's fence is won once, so no two share one."""
    return f"{sender_id}-{slot}-{slot_fence}-{_this_boot()}.journal"


def is_whole(name: str) -> bool:
    """True when the journal of this name was written since this host was started."""
    return name.removesuffix(".journal").rpartition("-")[2] == _this_boot()


def present(journals: Path) -> list[str]:
    """The names of the journals in the folder; none when there is no folder."""
    return [path.name for path in journals.glob("*.journal")]
