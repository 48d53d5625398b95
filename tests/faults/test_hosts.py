"""Several hosts: journals that only some of them see, and that turn up later."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import invariants
from tests.faults.scene import Scene, SceneMaker

pytestmark = [pytest.mark.stack, pytest.mark.faults]

CONNECTIONS = 2


def settle(play: Scene) -> None:
    """Wait until no more are in doubt than one for each connection that was killed."""
    play.wait(lambda: play.mailing.statuses()["unconfirmed"] <= CONNECTIONS)
    play.finish()


def kill_sender(play: Scene) -> None:
    play.wait_for_accepts(80)
    play.stack.kill("sending-1")


def test_a_journal_that_turns_up_later_settles_what_was_in_doubt(scene: SceneMaker, tmp_path: Path):
    with scene(max_connections=CONNECTIONS) as play:
        kill_sender(play)
        journals = play.stack.folder / "journals"
        journals.rename(tmp_path / "elsewhere")
        play.stack.start("sending", number=2)
        play.finish()
        assert play.mailing.statuses()["unconfirmed"] > CONNECTIONS
        for journal in (tmp_path / "elsewhere").iterdir():
            journal.rename(journals / journal.name)
        settle(play)
    invariants.check(play, unconfirmed=CONNECTIONS)


def test_a_dispatcher_on_another_host_is_put_right_by_the_host_of_the_dead(
    scene: SceneMaker, tmp_path: Path
):
    with scene(max_connections=CONNECTIONS) as play:
        play.stack.kill("dispatch")
        play.stack.start("dispatch", STATE_DIR=str(tmp_path / "another"))
        kill_sender(play)
        play.stack.start("sending", number=2)
        play.finish()
        settle(play)
    invariants.check(play, unconfirmed=CONNECTIONS)
