"""What the common mail providers are called, where they answer and how much they let through.

`published` numbers are the provider's own; the others are cautious guesses. All of them only fill
in the form and can be changed there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider's settings. Rates count messages, None is no limit; delay is in seconds."""

    key: str
    label: str
    host: str = ""
    port: int = 587
    security: str = "starttls"
    messages_per_connection: int = 50
    max_connections: int = 2
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    delay_seconds: float = 4.0
    note: str = ""
    warning: str = ""
    published: bool = False


PRESETS = (
    Preset(
        key="gmail",
        label="Gmail",
        host="smtp.gmail.com",
        max_connections=5,
        per_day=500,
        note="Use an app password: Google refuses the account’s own one.",
    ),
    Preset(
        key="workspace",
        label="Google Workspace",
        host="smtp.gmail.com",
        max_connections=5,
        per_day=2_000,
        note="Use an app password. Google allows 2,000 messages a day.",
        published=True,
    ),
    Preset(
        key="microsoft365",
        label="Microsoft 365",
        host="smtp.office365.com",
        max_connections=3,
        per_minute=30,
        per_day=10_000,
        note="“Authenticated SMTP” must be switched on for the mailbox.",
        published=True,
    ),
    Preset(
        key="yahoo",
        label="Yahoo Mail",
        host="smtp.mail.yahoo.com",
        port=465,
        security="tls",
        messages_per_connection=20,
        max_connections=5,
        per_day=500,
        note="Use an app password. Yahoo takes 20 messages a connection and 500 a day.",
        published=True,
    ),
    Preset(
        key="ses",
        label="Amazon SES",
        host="email-smtp.eu-west-1.amazonaws.com",
        max_connections=5,
        delay_seconds=0,
        note="Put your region in the server’s name. A sandbox account sends 1 a second, 200 a day: "
        "set those limits until Amazon lifts them.",
    ),
    Preset(
        key="sendgrid",
        label="SendGrid",
        host="smtp.sendgrid.net",
        messages_per_connection=5_000,
        max_connections=20,
        delay_seconds=0,
        note="The user name is the word “apikey”, the password your API key.",
        published=True,
    ),
    Preset(
        key="hostinger",
        label="Hostinger",
        host="smtp.hostinger.com",
        port=465,
        security="tls",
        per_day=1_000,
        note="1,000 messages a day and mailbox, 3,000 on the larger plans.",
        published=True,
    ),
    Preset(
        key="zoho",
        label="Zoho Mail",
        host="smtp.zoho.com",
        messages_per_connection=20,
        warning="Zoho Mail forbids bulk mail and may block the account.",
    ),
    Preset(
        key="brevo",
        label="Brevo",
        host="smtp-relay.brevo.com",
        max_connections=5,
        delay_seconds=0,
        note="How much you may send depends on your plan.",
    ),
    Preset(
        key="mailgun",
        label="Mailgun",
        host="smtp.mailgun.org",
        messages_per_connection=3,
        max_connections=20,
        delay_seconds=0,
        note="How much you may send depends on your plan.",
    ),
    Preset(
        key="local",
        label="Local mail catcher",
        host="127.0.0.1",
        port=2525,
        security="none",
        messages_per_connection=1_000,
        max_connections=4,
        delay_seconds=0,
        note="For trying things out: nothing leaves this machine.",
    ),
    Preset(key="other", label="Another mail server"),
)

_BY_KEY = {preset.key: preset for preset in PRESETS}


def get(key: str | None) -> Preset:
    """The preset called `key`; what is unknown is `other`."""
    return _BY_KEY.get(key or "other", _BY_KEY["other"])
