"""Requests for the pixel as bytes: the plain form is understood, everything else is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_app.public import pixel_request
from campaign_app.public.pixel_request import Reader

PLAIN = b"GET /o/abc-_9.gif HTTP/1.1\r\nHost: x\r\nUser-Agent: Firefox\r\n\r\n"


def read(head: bytes, hops: int = 0) -> tuple[str, Reader] | None:
    return pixel_request.read(head, hops=hops)


def test_a_plain_request_is_understood():
    assert read(PLAIN) == ("abc-_9", Reader("Firefox", "", keeps=True))


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"connection: Close\r\n", False),
        (b"1.1", b"Connection: keep-alive\r\n", True),
        (b"1.0", b"", False),
        (b"1.0", b"Connection:Keep-Alive\r\n", True),
    ],
)
def test_the_connection_is_kept_as_the_client_wants(version: bytes, connection: bytes, keeps: bool):
    head = PLAIN.replace(b"1.1", version).replace(b"User-Agent", connection + b"User-Agent")
    _, reader = read(head)
    assert reader.keeps is keeps


@pytest.mark.parametrize(
    ("hops", "forwarded", "ip"),
    [
        (0, b"203.0.113.9", ""),
        (1, b"203.0.113.9", "203.0.113.9"),
        (1, b"6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, b"6.6.6.6, 203.0.113.9 , 10.0.0.1", "203.0.113.9"),
        (2, b"203.0.113.9", ""),
    ],
)
def test_only_what_trusted_proxies_added_is_believed(hops: int, forwarded: bytes, ip: str):
    field = b"X-Forwarded-For: " + forwarded + b"\r\nX_Forwarded_For: 6.6.6.6\r\n"
    _, reader = read(PLAIN.replace(b"User-Agent", field + b"User-Agent"), hops)
    assert reader.ip == ip


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Length: 5",
        b"content-length:0",
        b"Transfer-Encoding: chunked",
        b"Content-Length : 5",
        b"X-Long: a\r\n folded: b",
        b"\tX: a",
        b"X: a\nContent-Length: 5",
        b"X: a\rb",
        b"X: \0",
        b"User-Agent: twice",
        b"no colon",
        b": no name",
    ],
)
def test_what_is_unusual_is_left_to_a_real_parser(field: bytes):
    assert read(PLAIN.replace(b"Host: x", b"Host: x\r\n" + field)) is None


def test_a_very_long_head_is_not_remembered():
    assert read(PLAIN.replace(b"Host: x", b"Cookie: " + b"x" * pixel_request.LONGEST)) is None


@pytest.mark.parametrize(
    "line",
    [
        b"HEAD /o/abc.gif HTTP/1.1",
        b"POST /o/abc.gif HTTP/1.1",
        b"GET /o/abc.gif?x=1 HTTP/1.1",
        b"GET /o/a%62c.gif HTTP/1.1",
        b"GET /o/abc.gif HTTP/2.0",
        b"GET  /o/abc.gif HTTP/1.1",
        b"GET http://x/o/abc.gif HTTP/1.1",
        b"GET /o/.gif HTTP/1.1",
        b"GET /c/abc HTTP/1.1",
        b"\r\nGET /o/abc.gif HTTP/1.1",
    ],
)
def test_other_requests_are_left_alone(line: bytes):
    assert read(PLAIN.replace(b"GET /o/abc-_9.gif HTTP/1.1", line)) is None


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(head: bytes):
    assert read(head) is None
    read(b"GET /o/a.gif HTTP/1.1\r\n" + head + b"\r\n\r\n", hops=1)
