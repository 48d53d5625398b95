"""Programs of Alice and of Charlie, the stranger."""

from __future__ import annotations

import pytest

from tests.api.program import Program
from tests.people import Person


@pytest.fixture
def program(alice: Person) -> Program:
    """Alice's: it may do everything in her workspace."""
    return Program.of(alice)


@pytest.fixture
def stranger(charlie: Person) -> Program:
    """Charlie's: it must find nothing of Alice's."""
    return Program.of(charlie)
