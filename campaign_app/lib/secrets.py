"""Secrets at rest and tokens in transit."""

from __future__ import annotations

import hashlib
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from campaign_app.lib.errors import Unavailable


class Vault:
    """Encrypts the senders' passwords. The first key encrypts, every key decrypts (rotation)."""

    def __init__(self, keys: str) -> None:
        """`keys` are Fernet keys, comma-separated, newest first."""
        self._fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])

    def encrypt(self, plain: str) -> str:
        """The text for the database."""
        return self._fernet.encrypt(plain.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """The plain text. Raises Unavailable when no known key opens it."""
        try:
            return self._fernet.decrypt(stored.encode()).decode()
        except InvalidToken:
            raise Unavailable(
                "The stored password cannot be opened: its encryption key is gone."
                " Enter the password again."
            ) from None


def new_token() -> tuple[str, str]:
    """An API token and the digest to store: the token itself is shown once and never kept."""
    token = "car_" + secrets.token_urlsafe(32)
    return token, digest(token)


def digest(token: str) -> str:
    """SHA-256 in hex: enough for a token of 256 random bits, which no dictionary holds."""
    return hashlib.sha256(token.encode()).hexdigest()
