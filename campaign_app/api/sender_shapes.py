"""A sender in JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from campaign_app.api.shapes import Body, Email, Moment, OptionalText, Out, Text
from campaign_app.models.senders import Security, Sender, SenderState
from campaign_app.services import presets, sender_details
from campaign_app.services.presets import PRESETS
from campaign_app.services.sender_details import (
    MAX_CAP,
    MAX_CONNECTIONS,
    MAX_DELAY,
    MAX_NAME,
    MAX_PER_CONNECTION,
    SenderDetails,
)

KEYS = [preset.key for preset in PRESETS]
PACE = (
    "port",
    "security",
    "delay_seconds",
    "max_connections",
    "messages_per_connection",
    "per_minute",
    "per_hour",
    "per_day",
)
"""What a preset knows, for whatever is left out."""


def _known(preset: str) -> str:
    if preset not in KEYS:
        raise ValueError(f"This can be {', '.join(KEYS)}.")
    return preset


Preset = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*KEYS]})]


def _cap(per: str) -> Any:  # noqa: ANN401  as pydantic types it
    return Field(None, ge=1, le=MAX_CAP, description=f"Messages per {per} at most; null: no cap.")


class SenderChanges(Body):
    """What is to be changed; the rest stays."""

    name: Text = Field("", max_length=MAX_NAME, description="Unique in the workspace.")
    host: Text = Field("", description="The mail server, such as `smtp.example.com`.")
    port: int = Field(587, ge=1, le=65_535)
    security: Security = Field(Security.STARTTLS, description="`tls` belongs to port 465.")
    username: OptionalText = ""
    password: OptionalText = Field("", description="Write-only: no answer ever holds it.")
    from_email: Email = Field("", description="The address it sends from.")
    from_name: OptionalText = Field("", max_length=MAX_NAME)
    reply_to: OptionalText = ""
    delay_seconds: float = Field(
        4.0, ge=0, le=MAX_DELAY, description="Between two e-mails, over all connections."
    )
    max_connections: int = Field(1, ge=1, le=MAX_CONNECTIONS)
    messages_per_connection: int = Field(50, ge=1, le=MAX_PER_CONNECTION)
    per_minute: int | None = _cap("minute")
    per_hour: int | None = _cap("hour")
    per_day: int | None = _cap("day")
    preset: Preset = Field("other", description="The provider it belongs to.")

    def applied(self, sender: Sender) -> SenderDetails:
        """The sender's details with what was given."""
        return replace(sender_details.of(sender), **self.given())

    def given(self) -> dict[str, Any]:
        """The fields that were in the JSON."""
        return self.model_dump(include=self.model_fields_set)


class NewSender(SenderChanges):
    """An SMTP account. The preset fills in port, security and pace where they are left out."""

    name: Text = Field(max_length=MAX_NAME, description="Unique in the workspace.")
    host: Text = Field(description="The mail server, such as `smtp.example.com`.")
    from_email: Email = Field(description="The address it sends from.")

    def details(self) -> SenderDetails:
        """What was given, and for the rest what the preset knows."""
        preset = presets.get(self.preset)
        known = {name: getattr(preset, name) for name in PACE}
        known["security"] = Security(preset.security)
        return SenderDetails(**{**known, **self.given()})


class SenderOut(Out):
    """An SMTP account and its pace."""

    id: int
    name: str
    preset: str
    host: str
    port: int
    security: Security
    username: str
    has_password: bool
    from_email: str
    from_name: str
    reply_to: str
    delay_seconds: float
    max_connections: int
    messages_per_connection: int
    per_minute: int | None
    per_hour: int | None
    per_day: int | None
    state: SenderState = Field(
        description="`cooling` ends by itself; `stopped` waits for a change of its log-in."
    )
    state_reason: str = Field(description="The server's own words for it.")
    cooling_until: Moment | None
    brake_rate: float | None = Field(
        description="Messages a minute that it slowed down to by itself; null: nothing brakes it."
    )
    brake_reason: str = Field(description="The server's own words for that.")
    created_at: Moment

    @classmethod
    def of(cls, sender: Sender) -> SenderOut:
        """The sender as it is now."""
        names = [name for name in cls.model_fields if name != "has_password"]
        values = {name: getattr(sender, name) for name in names}
        if sender.brake_rate is not None:
            values["brake_rate"] = round(sender.brake_rate, 1)
        return cls(**values, has_password=bool(sender.password_encrypted))


class TestOrder(Body):
    """Where a test is to go."""

    to: Email = Field(max_length=320, description="One address.")


class TestOutcome(Out):
    """What came of a test. A refusal is a result, too: `accepted` tells."""

    to: str
    accepted: bool
    reply: str = Field(description="What the server said when it took the e-mail.")
    problem: str = Field(description="What went wrong, with the server's literal words.")
    phase: str = Field(description="Where: connect, auth, mail, rcpt, data, body or dot.")
