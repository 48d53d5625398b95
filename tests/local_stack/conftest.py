import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """A folder that other users may pass through, which pytest's own does not allow."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def folder(shared_folder: Path) -> Path:
    """A folder of the test's own, below one that other users may pass through."""
    own = Path(tempfile.mkdtemp(dir=shared_folder))
    own.chmod(0o711)
    return own
