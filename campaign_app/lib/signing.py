"""Signed tokens for public links: a message's number that nobody can guess or alter.

One token serves a whole mail (pixel, links, unsubscribe), since whoever holds the mail holds
them all. A link's token appends the link's number: it can only choose among that mail's links.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

MAC_BYTES = 12
"""96 bits: out of reach of guessing over a network (NIST SP 800-107 asks for at least 64)."""


class Signer:
    """Makes and reads the tokens of public links under one secret."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"carillon public links\0" + secret.encode()).digest()

    def sign(self, message_id: int) -> str:
        """The URL-safe token of a message."""
        number = message_id.to_bytes(8, "big").lstrip(b"\0")
        mac = hashlib.blake2b(number, key=self._key, digest_size=MAC_BYTES).digest()
        return base64.urlsafe_b64encode(mac + number).rstrip(b"=").decode()

    def read(self, token: str) -> int | None:
        """The message a token was made for, or None for a forged, cut or foreign one."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        number = int.from_bytes(raw[MAC_BYTES:], "big")
        # Compared as a whole token: base64's spare bits would let one message have several.
        if number >= 2**63 or not hmac.compare_digest(self.sign(number).encode(), token.encode()):
            return None
        return number

    def read_link(self, token: str) -> tuple[int, int] | None:
        """The message and the link number of a click token `<token>.<number>`, or None."""
        head, dot, tail = token.partition(".")
        message_id = self.read(head)
        is_number = tail.isascii() and tail.isdigit() and len(tail) < 10
        if message_id is None or not dot or not is_number:
            return None
        return message_id, int(tail)
