"""Signed tokens for public links: a message's number that nobody can guess or alter.

One token serves a whole mail (pixel, links, unsubscribe), since whoever holds the mail holds
them all. A link's token appends the link's number: it can only choose among that mail's links.
A token is 24 characters, made once a mail and read once a hit, so it must cost microseconds.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac

MAC_BYTES = 12
"""96 bits: out of reach of guessing over a network (NIST SP 800-107 asks for at least 64)."""
NUMBER_BYTES = 6
"""2^48 messages: 280 million million. 18 bytes in all: base64 without padding or spare bits."""
TOKEN_LENGTH = 24

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# Standard base64's own two characters are refused, so that every token has one spelling.
_STANDARD = bytes.maketrans(b"-_+/", b"+/!!")


class Signer:
    """Makes and reads the tokens of public links under one secret.

    Tokens of another `purpose` are forged ones here: number 7 means something else there.
    """

    def __init__(self, secret: str, *, purpose: str = "public links") -> None:
        key = hashlib.sha256(f"carillon {purpose}\0{secret}".encode()).digest()
        self._keyed = hashlib.blake2b(key=key, digest_size=MAC_BYTES)

    def sign(self, message_id: int) -> str:
        """The URL-safe token of a message. Raises OverflowError for a number beyond 2^48."""
        number = message_id.to_bytes(NUMBER_BYTES, "big")
        token = binascii.b2a_base64(self._mac(number) + number, newline=False)
        return token.translate(_URL_SAFE).decode()

    def read(self, token: str) -> int | None:
        """The message a token was made for, or None for a forged, cut or foreign one."""
        if len(token) != TOKEN_LENGTH:
            return None
        try:
            raw = binascii.a2b_base64(token.encode("ascii").translate(_STANDARD), strict_mode=True)
        except ValueError:  # of either: binascii.Error and UnicodeEncodeError are ValueErrors
            return None
        mac, number = raw[:MAC_BYTES], raw[MAC_BYTES:]
        is_ours = len(number) == NUMBER_BYTES and hmac.compare_digest(self._mac(number), mac)
        return int.from_bytes(number, "big") if is_ours else None

    def read_link(self, token: str) -> tuple[int, int] | None:
        """The message and the link number of a click token `<token>.<number>`, or None."""
        head, dot, tail = token.partition(".")
        message_id = self.read(head)
        is_number = tail.isascii() and tail.isdigit() and len(tail) < 10
        if message_id is None or not dot or not is_number:
            return None
        return message_id, int(tail)

    def _mac(self, number: bytes) -> bytes:
        keyed = self._keyed.copy()  # half the price of keying a new one
        keyed.update(number)
        return keyed.digest()
