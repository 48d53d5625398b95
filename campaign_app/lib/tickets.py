"""Tickets for the parts of an upload: who holds one may send this part, until then, and no other.

Everything that must be known of the part stands in the ticket itself, under a MAC, so that taking
a part in asks no database.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

MAC_BYTES = 16
_LAYOUT = struct.Struct("!16sIQQQ")


@dataclass(frozen=True, slots=True)
class Ticket:
    """One part of one upload. Sizes are bytes, `expires` is seconds since 1970."""

    upload: str
    """32 hexadecimal digits."""
    number: int
    offset: int
    length: int
    expires: int


class TicketOffice:
    """Makes and reads tickets under one secret."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"carillon upload parts\0" + secret.encode()).digest()

    def write(self, ticket: Ticket) -> str:
        """The ticket as text that can stand in a URL."""
        raw = _LAYOUT.pack(
            bytes.fromhex(ticket.upload),
            ticket.number,
            ticket.offset,
            ticket.length,
            ticket.expires,
        )
        return urlsafe_b64encode(self._mac(raw) + raw).decode()

    def read(self, text: str) -> Ticket | None:
        """The ticket, even one that has expired; None for a forged, cut or foreign one."""
        try:
            whole = urlsafe_b64decode(text.encode("ascii"))
        except (ValueError, binascii.Error):
            return None
        mac, raw = whole[:MAC_BYTES], whole[MAC_BYTES:]
        if len(raw) != _LAYOUT.size or not hmac.compare_digest(self._mac(raw), mac):
            return None
        upload, *numbers = _LAYOUT.unpack(raw)
        return Ticket(upload.hex(), *numbers)

    def _mac(self, raw: bytes) -> bytes:
        return hashlib.blake2b(raw, key=self._key, digest_size=MAC_BYTES).digest()
