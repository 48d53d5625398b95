"""Scripts in a Python of their own that import what they name, and not the whole application.

`import campaign_app` alone takes three seconds, which a test of one module need not wait for.
"""

from __future__ import annotations

import sys

from tests.rules.source import PACKAGE, ROOT

WITHOUT_THE_REST = f"""
import sys, types
sys.path.insert(0, {str(ROOT)!r})
package = types.ModuleType("campaign_app")
package.__path__ = [{str(PACKAGE)!r}]
sys.modules["campaign_app"] = package
"""


def command(script: str, *arguments: object) -> list[str]:
    """What runs the script; its arguments are in `sys.argv[1:]`."""
    return [sys.executable, "-c", WITHOUT_THE_REST + script, *map(str, arguments)]
