"""What is written down twice must be the same twice."""

from __future__ import annotations

import re
from dataclasses import fields

from campaign_app.tasks.queues import QUEUES
from config import Config
from tests.rules.source import ROOT

PROCFILE = (ROOT / "Procfile").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()


def test_the_workers_serve_exactly_the_declared_queues():
    served = [queue for names in re.findall(r" -Q (\S+)", PROCFILE) for queue in names.split(",")]
    assert sorted(served) == sorted(QUEUES), "Change the Procfile or tasks/queues.py"


def test_the_example_names_every_setting_and_no_other():
    example = set(re.findall(r"^([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))
    settings = {field.name.upper() for field in fields(Config)}
    processes = set(re.findall(r"\$\{([A-Z_]+)", PROCFILE))
    assert settings <= example, f"Describe them in .env.example: {settings - example}"
    stale = example - settings - processes
    assert not stale, f"Nobody reads them any more: {stale}"
