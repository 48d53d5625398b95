import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import Config
from local_stack import children, settings
from local_stack.errors import StartError
from local_stack.state import State


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[State]:
    kept = State(tmp_path / "var")
    yield kept
    kept.close()


def test_a_taken_port_is_a_clear_error() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} is taken"):
            settings.web_port({"PORT": str(port)})


@pytest.mark.parametrize("name", ["PORT", "WORKERS"])
def test_a_word_instead_of_a_number_is_a_clear_error(name: str) -> None:
    read = {"PORT": settings.web_port, "WORKERS": settings.sending_processes}[name]
    with pytest.raises(StartError, match=f"{name} must be a number"):
        read({name: "many"})


def test_the_settings_satisfy_the_application(kept: State) -> None:
    made = settings.build({}, kept, port=8000)
    config = Config.from_environ(made | {"DATABASE_URL": "postgresql://", "REDIS_URL": "redis://"})
    assert config.environment == "development"
    assert config.public_url == "http://127.0.0.1:8000"
    assert config.mailbox_smtp_port > 0


def test_what_is_set_already_stands(kept: State) -> None:
    given = {"PUBLIC_URL": "https://mail.example.com", "SECRET_KEY": "mine", "LOG_LEVEL": ""}
    made = settings.build(given, kept, port=8000)
    assert (made["PUBLIC_URL"], made["SECRET_KEY"]) == ("https://mail.example.com", "mine")
    assert "LOG_LEVEL" not in made


def test_a_second_run_keeps_secrets_and_the_mail_catchers_port(kept: State) -> None:
    first = settings.build({}, kept, port=8000)
    second = settings.build({}, kept, port=8001)
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "MAILBOX_SMTP_PORT"):
        assert first[name] == second[name]


def test_it_finds_a_port_by_itself() -> None:
    assert 8000 <= settings.web_port({}) < 8100
    assert children.free_port() > 0
