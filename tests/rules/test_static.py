"""What browsers fetch is in use, and what pages ask for is there."""

from __future__ import annotations

import re
from functools import cache

from tests.rules.source import PACKAGE, application

STATIC = PACKAGE / "static"
OWN = [path for folder in ("js", "css") for path in sorted((STATIC / folder).iterdir())]


@cache
def speaking() -> str:
    """Everything that can name a file or an icon: templates, scripts, style sheets, views."""
    pages = [path.read_text("utf-8") for path in (PACKAGE / "templates").rglob("*.html")]
    scripts = [path.read_text("utf-8") for path in OWN]
    return "\n".join((*pages, *scripts, *(source.text for source in application())))


def icons() -> set[str]:
    return set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text("utf-8")))


def test_every_icon_is_drawn():
    wanted = set(re.findall(r"""\bicon\(["']([a-z0-9-]+)["']""", speaking()))
    assert not wanted - icons(), f"Add their <symbol> to icons.svg: {wanted - icons()}"


def test_no_icon_is_sent_in_vain():
    idle = {name for name in icons() if not re.search(rf"""["'#]{name}["']""", speaking())}
    assert not idle, f"Take their <symbol> out of icons.svg: {sorted(idle)}"


def test_every_script_and_style_sheet_is_asked_for():
    idle = [
        path.name for path in OWN if not re.search(rf"""["'/]{path.stem}(\.js)?["']""", speaking())
    ]
    assert not idle, f"Nothing loads these: {idle}"


def test_every_vendored_package_is_asked_for():
    folders = [path.name for path in (STATIC / "vendor").iterdir() if path.is_dir()]
    idle = [name for name in folders if f"vendor/{name}" not in speaking()]
    assert not idle, f"Nothing loads these: {idle}"
