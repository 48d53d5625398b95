"""The benchmarks by their names; without one, what there is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from bench import imports, latency, live, pages, pixel, send, sizes, tls

COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "send": send.main,
    "latency": latency.main,
    "tls": tls.main,
    "sizes": sizes.main,
    "live": live.main,
    "pixel": pixel.main,
    "imports": imports.main,
    "pages": pages.main,
}


def main() -> None:
    """Run the benchmark that the first argument names, or list them all."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in COMMANDS:
        COMMANDS[name](sys.argv[2:])
        return
    if name not in ("", "-h", "--help"):
        print(f"There is no benchmark {name!r}.")
    print("bin/bench NAME [arguments]    (bin/bench NAME --help says what it measures)\n")
    for command, run in COMMANDS.items():
        print(f"  {command:<9} {_summary(run)}")
    if name not in ("", "-h", "--help"):
        raise SystemExit(2)


def _summary(run: Callable[[Sequence[str]], None]) -> str:
    described = sys.modules[run.__module__].__doc__ or ""
    return described.split("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    main()
