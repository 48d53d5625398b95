"""Getting a connection: greeting, encryption, log-in, and every way it can fail."""

from __future__ import annotations

import time

import pytest

from campaign_app.sending.journal import NoJournal
from campaign_app.sending.transport import Account, Connection, Phase, TransportError
from tests.canned_server import CannedServer
from tests.certificates import Authority, make_authority
from tests.sending.hand_over import BRIEF, PATIENT, connect, fates, mail, mails, never, taken
from tests.smtp_sink import Fault, SmtpSink

CREDENTIALS = ("news@example.com", "pâss word")
LOGIN = {"username": CREDENTIALS[0], "password": CREDENTIALS[1]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tls"))


def failure(sink, **changes) -> TransportError:
    with pytest.raises(TransportError) as caught:
        connect(sink, **{"timeouts": BRIEF, **changes})
    assert CREDENTIALS[1] not in caught.value.message
    return caught.value


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_mail_goes_out_encrypted_and_logged_in(authority, tls):
    sink = SmtpSink(tls=tls, tls_context=authority.server, credentials=CREDENTIALS)
    with sink, connect(sink, host="localhost", tls_context=authority.trust, **LOGIN) as connection:
        result = connection.send_window(mails(30), journal=NoJournal())
    assert fates(result) == "A" * 30
    assert taken(sink) == list(range(30))
    assert sink.violations == []


def test_a_break_after_the_dot_is_unconfirmed_over_tls_too(authority):
    fault = Fault("dot", close=True, message=3)
    sink = SmtpSink([fault], tls="tls", tls_context=authority.server)
    with sink, connect(sink, host="localhost", tls_context=authority.trust) as connection:
        result = connection.send_window(mails(5), journal=NoJournal())
    assert fates(result) == "AAUNN"


@pytest.mark.parametrize("how", [{"hang": 60}, {"reset": True}])
def test_a_body_cut_short_over_tls_was_not_sent(authority, how):
    body = b"0123456789abcdef\r\n" * 900_000
    fault = Fault("body", message=1, after_bytes=10, **how)
    sink = SmtpSink([fault], tls="tls", tls_context=authority.server)
    trust = {"host": "localhost", "tls_context": authority.trust, "timeouts": BRIEF}
    with sink, connect(sink, **trust) as connection:
        result = connection.send_window([mail(0, data=body)], journal=NoJournal())
    assert fates(result) == "N"


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN", "CRAM-MD5 LOGIN PLAIN"])
def test_it_logs_in_by_what_is_offered(mechanisms):
    with SmtpSink(credentials=CREDENTIALS, auth=mechanisms) as sink:
        connect(sink, **LOGIN).close()


def test_a_wrong_password_is_told_in_the_servers_words():
    with SmtpSink(credentials=("somebody", "else")) as sink:
        error = failure(sink, **LOGIN)
    assert (error.phase, error.reply.code) == (Phase.AUTH, 535)
    assert "Username and Password not accepted" in error.message


def test_a_password_is_never_sent_in_plain_text():
    account = Account("mail.example.com", 587, "none", **LOGIN)
    with pytest.raises(TransportError, match="unencrypted") as caught:
        Connection.open(account, should_stop=never, timeouts=BRIEF)
    assert caught.value.needs_change


def test_a_server_that_echoes_the_password_does_not_get_it_shown():
    steps = (
        (b"", b"220 hi\r\n"),
        (b"EHLO", b"250-me\r\n250 AUTH PLAIN\r\n"),
        (b"AUTH", "535 wrong: pâss word\r\n".encode()),
    )
    with CannedServer(*steps) as server:
        error = failure(server, **LOGIN)
    assert error.reply.text == "wrong: •••"


def test_a_missing_starttls_is_an_error_and_no_downgrade(authority):
    steps = ((b"", b"220 hi\r\n"), (b"EHLO", b"250-me\r\n250 AUTH PLAIN\r\n"))
    with CannedServer(*steps) as server:
        server.tls = "starttls"
        error = failure(server, tls_context=authority.trust, **LOGIN)
    assert error.needs_change
    assert "STARTTLS" in error.message
    assert b"AUTH" not in server.received


def test_replies_smuggled_in_before_the_encryption_are_refused(authority):
    steps = (
        (b"", b"220 hi\r\n"),
        (b"EHLO", b"250-me\r\n250 STARTTLS\r\n"),
        (b"STARTTLS", b"220 go\r\n250-me\r\n250 AUTH PLAIN\r\n"),
    )
    with CannedServer(*steps) as server:
        server.tls = "starttls"
        error = failure(server, tls_context=authority.trust)
    assert "before the encryption" in error.message


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_an_unknown_authority_or_another_name_is_refused(authority, tls):
    with SmtpSink(tls=tls, tls_context=authority.server) as sink:
        unknown = failure(sink, host="localhost")
        other_name = failure(sink, host="127.0.0.1", tls_context=authority.trust)
    assert "certificate is not valid" in unknown.message
    assert "certificate is not valid" in other_name.message
    assert sink.count("MAIL") == 0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("connect", reply="554 5.7.1 Service refused", close=True), "5.7.1 Service refused"),
        (Fault("connect", reply="421 too busy", close=True), "421 too busy"),
        (Fault("connect", reply="* OK IMAP4 ready"), "not a reply of the mail protocol"),
        (Fault("connect", close=True), "closed the connection"),
        (Fault("connect", hang=30), "did not answer"),
        (Fault("ehlo", reply="550 go away"), "550 go away"),
        (Fault("ehlo", reset=True), "broke"),
    ],
)
def test_a_poor_greeting_says_what_was_wrong(fault, message):
    with SmtpSink([fault]) as sink:
        error = failure(sink)
    assert error.phase == Phase.CONNECT
    assert message in error.message


def test_an_old_server_without_ehlo_is_spoken_to_slowly():
    with SmtpSink([Fault("ehlo", reply="502 what?")]) as sink, connect(sink) as connection:
        assert not connection.offers_pipelining
        assert fates(connection.send_window(mails(3), journal=NoJournal())) == "AAA"
    assert sink.violations == []


def test_what_ehlo_offers_is_known():
    with SmtpSink() as sink, connect(sink) as connection:
        assert connection.offers_pipelining
        assert connection.max_size == 52_428_800


def test_a_closed_port_is_an_error():
    nobody = Account("127.0.0.1", 1, "none", allow_private=True)
    with pytest.raises(TransportError, match="refused") as caught:
        Connection.open(nobody, should_stop=never)
    assert caught.value.phase == Phase.CONNECT


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "no.such.invalid"])
def test_a_private_host_is_refused_like_an_unknown_one(host):
    with pytest.raises(TransportError) as caught:
        Connection.open(Account(host, 587), should_stop=never)
    assert caught.value.message == (
        f"“{host}” is not a public mail server: its name is unknown or its address private."
    )


def test_a_stop_does_not_wait_for_a_silent_server():
    with SmtpSink([Fault("connect", hang=30)]) as sink:
        started = time.monotonic()
        failure(sink, should_stop=lambda: True, timeouts=PATIENT)
    assert time.monotonic() - started < PATIENT.command / 2


def test_closing_twice_or_after_the_server_left_is_harmless():
    with SmtpSink() as sink:
        connection = connect(sink)
    connection.close()
    connection.close()


def test_no_secret_is_in_the_repr_of_an_account():
    assert "pâss" not in repr(Account("mail.example.com", 587, **LOGIN))
