import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local_stack import state
from local_stack.errors import StartError
from local_stack.state import State


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    kept = State(tmp_path / "var")
    first = kept.remember("secret_key", state.new_secret)
    assert kept.remember("secret_key", state.new_secret) == first
    assert (tmp_path / "var" / "secret_key").stat().st_mode & 0o777 == 0o600
    kept.close()


def test_a_second_run_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    first = State(tmp_path / "var")
    with pytest.raises(StartError, match="Another bin/run is using"):
        State(tmp_path / "var")
    first.close()
    State(tmp_path / "var").close()


def test_a_shell_reads_the_published_settings(tmp_path: Path) -> None:
    kept = State(tmp_path / "var")
    kept.publish({"SECRET": "a b'c$d\"e"})
    script = f'. "{kept.settings_file}"; printf %s "$SECRET"'
    shell = shutil.which("sh") or "sh"
    read = subprocess.run([shell, "-c", script], check=True, capture_output=True, text=True)
    assert read.stdout == "a b'c$d\"e"
    assert kept.settings_file.stat().st_mode & 0o777 == 0o600
    kept.close()
    assert not kept.settings_file.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's folder")
def test_another_users_folder_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    with pytest.raises(StartError, match="belongs to another user"):
        State(folder)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot be made: Not a directory"):
        State(tmp_path / "file" / "var")
