"""The fault suite's servers, and the maker of its scenes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults import scene as scenes
from tests.faults.scene import SceneMaker
from tests.faults.stage import Stage, stage


@pytest.fixture(scope="session")
def stage_servers() -> Iterator[Stage]:
    with stage() as servers:
        yield servers


@pytest.fixture
def scene(stage_servers: Stage, tmp_path: Path) -> SceneMaker:
    return partial(scenes.scene, stage_servers, tmp_path)
