"""What a sender is made of, as a person enters it, and the rules it must keep."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

from campaign_app.lib import address, hosts
from campaign_app.lib.errors import Invalid
from campaign_app.models.senders import Security, Sender
from campaign_app.services import presets

MAX_NAME = 100
MAX_DELAY = 3600.0
"""Seconds. Slower than one e-mail an hour is not sending."""
MAX_CONNECTIONS = 200
MAX_PER_CONNECTION = 100_000
MAX_CAP = 10_000_000

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderDetails:
    """An SMTP account and its pace. Delay in seconds; caps in messages, None for no cap.

    `password` is plain text; empty keeps the stored one, or means that there is none.
    """

    name: str
    host: str
    from_email: str
    port: int = 587
    security: Security = Security.STARTTLS
    preset: str = "other"
    username: str = ""
    password: str = ""
    from_name: str = ""
    reply_to: str = ""
    delay_seconds: float = 4.0
    max_connections: int = 1
    messages_per_connection: int = 50
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    mark_subject: bool = False


def of(sender: Sender) -> SenderDetails:
    """What a sender is made of now; its password stays where it is."""
    names = [field.name for field in fields(SenderDetails) if field.name != "password"]
    return SenderDetails(**{name: getattr(sender, name) for name in names})


def check(details: SenderDetails, *, allow_private: bool = False) -> SenderDetails:
    """The details in their stored form. Raises Invalid with the field; asks no network.

    `allow_private` lets a log-in travel unencrypted: development only.
    """
    clean = replace(
        details,
        name=_line(details.name, "name"),
        preset=presets.get(details.preset).key,
        host=_host(details.host),
        username=details.username.strip(),
        from_name=_line(details.from_name, "from_name", required=False),
        from_email=_email(details.from_email, "from_email"),
        reply_to=_email(details.reply_to, "reply_to") if details.reply_to.strip() else "",
    )
    _check_protection(clean, allow_private=allow_private)
    _check_pace(clean)
    return clean


def check_host(details: SenderDetails, *, allow_private: bool = False) -> None:
    """Ask the DNS: raise Invalid for an unknown or private host. Hold no transaction meanwhile.

    A DNS server that does not answer is no reason to refuse: every connection checks again.
    """
    try:
        hosts.resolve(_host(details.host), details.port, allow_private=allow_private)
    except hosts.HostRefused as error:
        if not error.retryable:
            raise


def _host(text: str) -> str:
    host = text.strip().rstrip(".").lower()
    if not host:
        raise Invalid("Enter the mail server’s name, such as smtp.example.com.", field="host")
    if "/" in host or "@" in host or (re.search(r":\d+$", host) and host.count(":") == 1):
        raise Invalid(
            "Enter the server’s name only, such as smtp.example.com: no address, no port.",
            field="host",
        )
    if len(host) > 253 or not _HOST.fullmatch(host) or ".." in host:
        raise Invalid("This is not the name of a server. Check its spelling.", field="host")
    return host


def _line(text: str, field: str, *, required: bool = True) -> str:
    line = text.strip()
    if required and not line:
        raise Invalid("Enter a name.", field=field)
    if len(line) > MAX_NAME:
        raise Invalid(f"Use at most {MAX_NAME} characters.", field=field)
    if _CONTROL.search(line):
        raise Invalid("Line breaks are not allowed here.", field=field)
    return line


def _email(text: str, field: str) -> str:
    email, problem = address.check(text)
    if problem:
        raise Invalid(problem, field=field)
    return email


def _check_protection(details: SenderDetails, *, allow_private: bool) -> None:
    if not 1 <= details.port <= 65_535:
        raise Invalid("A port is a number from 1 to 65535. Most servers use 587.", field="port")
    if details.port == 465 and details.security != Security.TLS:  # RFC 8314 §3.3
        raise Invalid("Port 465 is encrypted from the start: choose TLS.", field="security")
    if details.port in (25, 587) and details.security == Security.TLS:
        raise Invalid(
            f"Port {details.port} begins unencrypted: choose STARTTLS, or port 465 for TLS.",
            field="security",
        )
    if _CONTROL.search(details.username + details.password):
        raise Invalid("Line breaks are not allowed here.", field="username")
    if details.username and details.security == Security.NONE and not allow_private:
        raise Invalid(
            "The password would travel unencrypted. Choose STARTTLS or TLS.", field="security"
        )
    if details.password and not details.username:
        raise Invalid("Enter the user name that belongs to the password.", field="username")


def _check_pace(details: SenderDetails) -> None:
    if not 0 <= details.delay_seconds <= MAX_DELAY:
        raise Invalid("The delay is between 0 and 3,600 seconds.", field="delay_seconds")
    limits = (
        ("max_connections", details.max_connections, MAX_CONNECTIONS),
        ("messages_per_connection", details.messages_per_connection, MAX_PER_CONNECTION),
        ("per_minute", details.per_minute, MAX_CAP),
        ("per_hour", details.per_hour, MAX_CAP),
        ("per_day", details.per_day, MAX_CAP),
    )
    for field, number, most in limits:
        if number is not None and not 1 <= number <= most:
            raise Invalid(f"Enter a number from 1 to {most:,}.", field=field)
