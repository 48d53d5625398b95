"""Passwords: which are good enough, and how they are kept (argon2id, RFC 9106)."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from campaign_app.lib.errors import Invalid

MIN_LENGTH = 10
MAX_LENGTH = 200
"""Characters. Nobody types more, and hashing must not become a way to keep us busy."""
MIN_DISTINCT = 5
"""Different characters: "aaaaaaaaaa" has ten, but only one to guess."""

_COMMON = re.compile(
    r"(?:password|passwort|passw0rd|pa55word|qwerty|qwertz|azerty|qwertyuiop|asdfgh|letmein|"
    r"welcome|iloveyou|admin|administrator|login|secret|changeme|monkey|dragon|football|"
    r"abcdefgh|carillon)+"
)
_ROWS = ("01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz")
# The OWASP Password Storage Cheat Sheet's least: 19 MiB, two rounds, one thread. Sixteen people
# who log in at once then take 300 MiB; RFC 9106's 64 MiB would take a gigabyte of a small server.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(plain: str) -> str:
    """The text for the database; its parameters stand in it."""
    return _hasher.hash(_form(plain))


def verify(stored: str, plain: str) -> bool:
    """Whether `plain` is the password that `stored` was made from."""
    try:
        return _hasher.verify(stored, _form(plain))
    except (VerificationError, InvalidHashError):
        return False


def verify_nobody(plain: str) -> bool:
    """False, after as much work as `verify`: the time must not tell whether a person exists."""
    verify(_nobodys_hash(), plain)
    return False


def is_outdated(stored: str) -> bool:
    """Whether `stored` was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def check(plain: str, *, personal: tuple[str, ...] = ()) -> None:
    """Raise Invalid, saying how to do better, unless the password is good enough.

    `personal` is what a guesser tries first: the person's own name and address.
    """
    problem = _problem(plain, personal)
    if problem:
        raise Invalid(problem, field="password")


def _problem(plain: str, personal: tuple[str, ...]) -> str:
    if len(plain) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters. Three or four random words are ideal."
    if len(plain) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    if len(set(plain)) < MIN_DISTINCT:
        return "This repeats a few characters only. Add some different ones."
    core = re.sub(r"[\W\d_]+$|^[\W\d_]+", "", plain.lower())
    if _COMMON.fullmatch(core) or any(plain.lower() in row for row in _ROWS):
        return "This is one of the first passwords anybody would guess. Add a word or two."
    words = {word for text in personal for word in re.split(r"\W+", text.lower()) if len(word) > 2}
    rest = plain.lower()
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    if len(rest) < MIN_LENGTH // 2:
        return "This is mostly your own name or address. Add something nobody knows of you."
    return ""


def _form(plain: str) -> str:
    """One form for the same letters from different keyboards (RFC 8265 §4.2.2)."""
    return unicodedata.normalize("NFC", plain)


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody's password")
