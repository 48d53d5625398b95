"""Which Carillon this is."""

from __future__ import annotations

import platform

VERSION = "0.1.0"
"""As in pyproject.toml."""
PYTHON = platform.python_version()
