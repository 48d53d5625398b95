"""The fault suite's servers, and the maker of its scenes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults import scene as scenes
from tests.faults.scene import SceneMaker
from tests.faults.server import MailServer, ServerMaker
from tests.faults.stage import Stage, stage
from tests.smtp_session import Fault


@pytest.fixture(scope="session")
def stage_servers() -> Iterator[Stage]:
    with stage() as servers:
        yield servers


@pytest.fixture
def scene(stage_servers: Stage, tmp_path: Path) -> SceneMaker:
    return partial(scenes.scene, stage_servers, tmp_path)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[ServerMaker]:
    """Further mail servers beside a scene's own, for neighbours or for other faults."""
    with ExitStack() as closing:

        def start(*faults: Fault, **options: Any) -> MailServer:
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            server = MailServer(folder, **{"latency": scenes.LATENCY, **options})
            server.start()
            closing.callback(server.stop)
            server.script(*faults)
            return server

        yield start
