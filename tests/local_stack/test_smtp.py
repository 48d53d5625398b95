import os
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign_app.lib import maildir
from local_stack import children

MESSAGE = "Subject: hello\r\n\r\n.a line that begins with a dot\r\n"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The mail catcher, as a process of its own."""
    number = children.free_port()
    settings = {"MAILBOX_DIR": str(tmp_path), "MAILBOX_SMTP_PORT": str(number)}
    command = [sys.executable, "-m", "local_stack.smtp"]
    with subprocess.Popen(command, env={**os.environ, **settings}) as process:
        while not answers(number):
            time.sleep(0.02)
        yield number
        process.terminate()
    assert process.returncode == 0


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_keeps_what_it_gets_with_its_envelope(port: int, tmp_path: Path) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("bounce@sender.test", ["a@example.test", "b@example.test"], MESSAGE)
    [kept] = maildir.page(tmp_path).items
    assert (kept.subject, kept.recipient) == ("hello", "a@example.test, b@example.test")
    letter = maildir.read(tmp_path, kept.key)
    assert letter.headers[0] == ("Return-Path", "<bounce@sender.test>")
    assert letter.text == ".a line that begins with a dot\r\n"


def test_any_log_in_is_welcome(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        assert client.login("anybody", "anything")[0] == 235


def test_pipelined_commands_are_answered_one_by_one(port: int, tmp_path: Path) -> None:
    envelope = b"MAIL FROM:<a@sender.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n"
    with socket.create_connection(("127.0.0.1", port)) as client, client.makefile("rb") as replies:
        replies.readline()
        client.sendall(b"EHLO test\r\n")
        offers = [line := replies.readline()]
        while line[3:4] == b"-":
            offers.append(line := replies.readline())
        assert b"250-PIPELINING\r\n" in offers
        client.sendall(envelope)
        client.sendall(MESSAGE.encode() + b".\r\n" + envelope)
        client.sendall(MESSAGE.encode() + b".\r\nQUIT\r\n")
        codes = [reply[:3] for reply in replies]
    assert codes == [b"250", b"250", b"354", b"250"] * 2 + [b"221"]
    assert maildir.page(tmp_path).total == 2
