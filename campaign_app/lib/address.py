"""E-mail addresses: checked, brought to one form, and written into headers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

from email_validator import EmailNotValidError, validate_email

from campaign_app.lib import encoded_words
from campaign_app.lib.errors import Invalid

MAX_LENGTH = 254
"""Characters an address may have on the wire (RFC 5321 §4.5.3.1.3, less the angle brackets)."""

MAX_LOCAL = 64
"""Characters before the @ (RFC 5321 §4.5.3.1.1)."""

_EDGES = " \t\r\n\v\f\xa0\u200b\u200c\u200d\u2060\ufeff"
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_NAMED = re.compile(r"([^<>]*)<\s*([^<>\s]+)\s*>\s*")
_BRACKETED = re.compile(r"[^<>]*<\s*([^<>\s]+@[^<>\s]+)\s*>")
_SPECIAL = re.compile(r'[()<>\[\]:;@\\,."]')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def normalise(text: str) -> str:
    """The address in the one form it is stored and compared in: lower case, domain in ASCII.

    Only the syntax is checked, no DNS. Raises Invalid with what is wrong and how to mend it.
    """
    address, problem = check(text)
    if problem:
        raise Invalid(problem, field="email")
    return address


def normalise_many(texts: Iterable[str]) -> list[tuple[str, str]]:
    """For each text `(address, "")`, or `("", problem)`: what an import needs. About 1 µs each."""
    return [check(text) for text in texts]


def normal_forms(texts: Iterable[str]) -> list[str]:
    """For each text the address as `normalise` gives it, or "". For millions: 1 µs each.

    A plain address of a domain that was met before passes without an expression; all others go
    the long way.
    """
    known = _plain_domains
    found = []
    for text in texts:
        address = text.strip(_EDGES).lower()
        local, _, domain = address.rpartition("@")
        if domain in known and len(local) <= MAX_LOCAL and _is_plain(local):
            found.append(address)
        else:
            found.append(check(text)[0])
            _remember_plain(found[-1])
    return found


def _is_plain(local: str) -> bool:
    """Whether letters, digits and single dots between them are all there is; False: look closer."""
    return (
        local.isascii()
        and local.replace(".", "").isalnum()
        and ".." not in local
        and local[0] != "."
        and local[-1] != "."
    )


_plain_domains: set[str] = set()
"""Domains that are their own normal form, short enough for any part before them."""


def _remember_plain(address: str) -> None:
    name = domain(address)
    if name and len(name) < MAX_LENGTH - MAX_LOCAL and len(_plain_domains) < 65_536:
        _plain_domains.add(name)


def parted(text: str) -> tuple[str, str]:
    """`"Dee, D" <dee@example.com>`, as mail programs write it: the name, "" if none, and the rest.

    The rest need not be an address: that is for `check`.
    """
    found = _NAMED.fullmatch(text)
    if not found:
        return "", text
    return found[1].strip().removeprefix('"').removesuffix('"').strip(), found[2]


def explain(text: str) -> tuple[str, str]:
    """What is wrong with a text that is no address, and what to do about it; each a sentence."""
    text = text.strip(_EDGES)
    if len(text) > MAX_LENGTH:
        return f"“{text[:60]}…” is too long.", f"An address has at most {MAX_LENGTH} characters."
    return _problem_and_remedy(text)


def check(text: str) -> tuple[str, str]:
    """`(address, "")` in the form `normalise` gives, or `("", problem)` in a user's words."""
    text = text.strip(_EDGES)
    if len(text) > MAX_LENGTH:
        return "", f"“{text[:60]}…” is too long: an address has at most {MAX_LENGTH} characters."
    local, at, domain = text.lower().rpartition("@")
    ascii_domain, _ = _domain(domain)
    if at and ascii_domain and _LOCAL.fullmatch(local) and len(local) <= MAX_LOCAL:
        address = f"{local}@{ascii_domain}"
        if len(address) <= MAX_LENGTH:
            return address, ""
    return "", _problem(text)


def domain(email: str) -> str:
    """The part after the last @, as it is written."""
    return email.rpartition("@")[2]


def masked(email: str) -> str:
    """Enough of an address for its owner to know it, and nobody else: "a•••@example.com"."""
    return f"{email[:1]}•••@{domain(email)}"


def digest(email: str) -> bytes:
    """SHA-256 of a normalised address: it tells the address again, and cannot be read back.

    PostgreSQL computes the same by `sha256(convert_to(email, 'UTF8'))`.
    """
    return sha256(email.encode()).digest()


def display(name: str, email: str) -> str:
    """`Name <address>` as it stands in a header, quoted or encoded as the name needs.

    Folded for a header of the length of `Reply-To`. Raises Invalid for a line break or another
    control character, in either: it could begin a header of its own.
    """
    if _CONTROL.search(name) or _CONTROL.search(email):
        raise Invalid("A name or an address in a header cannot hold a line break. Remove it.")
    if not email.isascii() or re.search(r"[\s<>,;]", email):
        raise Invalid(f"“{email}” cannot stand in a header: it must be one plain address.")
    return mailbox(name.strip(), email)


def mailbox(name: str, email: str) -> str:
    """`display` for values known to be free of control characters: no checks, for every mail."""
    if not name:
        return email
    if not name.isascii() or "=?" in name or len(name) > 50:
        words = encoded_words.encode(name, len("Reply-To: "))
        gap = "\r\n " if len(words) - words.rfind("\n") + len(email) > 60 else " "
        return f"{words}{gap}<{email}>"
    if _SPECIAL.search(name):
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        name = f'"{quoted}"'
    return f"{name} <{email}>" if len(email) < 60 else f"{name}\r\n <{email}>"


@lru_cache(maxsize=65_536)
def _domain(name: str) -> tuple[str, str]:
    """A domain in ASCII or what is wrong with it; a list of a million knows few domains."""
    try:
        # "test" (RFC 2606) is let through: newcomers try things out with it.
        checked = validate_email(
            f"x@{name}", check_deliverability=False, allow_smtputf8=False, test_environment=True
        )
    except EmailNotValidError as error:
        return "", str(error)
    return checked.ascii_domain or "", ""


_PROBLEMS = (
    (re.compile(r"[^@]*"), "has no @.", "An address looks like name@example.com."),
    (
        re.compile(r".*@.*[,;\s].*@.*"),
        "looks like several addresses.",
        "Put each in a row of its own.",
    ),
    (re.compile(r".*\s.*"), "has a space in it.", "Remove it."),
    (re.compile(r".*,.*"), "has a comma in it.", "Should it be a full stop?"),
)


def _problem(text: str) -> str:
    return " ".join(_problem_and_remedy(text))


def _problem_and_remedy(text: str) -> tuple[str, str]:
    if not text:
        return "The e-mail address is empty.", "Write one like name@example.com."
    shown = " ".join(text.split())
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        return f"“{shown}” holds more than the address.", f"Write only {bracketed[1]}."
    for pattern, problem, remedy in _PROBLEMS:
        if pattern.fullmatch(shown):
            return f"“{shown}” {problem}", remedy
    return f"“{shown}” is not an e-mail address.", _detail(text)


def _detail(text: str) -> str:
    local, _, name = text.lower().rpartition("@")
    if len(local) > MAX_LOCAL:
        return f"There are more than {MAX_LOCAL} characters before the @."
    if not local.isascii():
        return (
            "Letters with accents before the @ do not arrive at most servers: check the spelling."
        )
    try:
        validate_email(
            text, check_deliverability=False, allow_smtputf8=False, test_environment=True
        )
    except EmailNotValidError as error:
        return str(error)
    return _domain(name)[1] or "The part before the @ has characters that servers refuse."
