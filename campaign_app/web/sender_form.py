"""The form of a sender, and the presets that fill it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from flask import current_app
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    FloatField,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
)
from wtforms.validators import DataRequired, InputRequired, Optional

from campaign_app.models.senders import Security
from campaign_app.services.presets import PRESETS, Preset
from campaign_app.services.sender_details import SenderDetails

SECURITIES = {
    Security.STARTTLS.value: "STARTTLS (port 587)",
    Security.TLS.value: "TLS (port 465)",
    Security.NONE.value: "None",
}


def presets_on_offer() -> list[Preset]:
    """Every provider; the local mail catcher in development only, at the port it has there."""
    config = current_app.extensions["carillon_config"]
    port = config.mailbox_smtp_port
    return [
        replace(preset, port=port) if port and preset.key == "local" else preset
        for preset in PRESETS
        if preset.key != "local" or config.allow_private_hosts
    ]


def _preset_choices() -> dict[str, str]:
    return {preset.key: preset.label for preset in presets_on_offer()}


class NumberField(IntegerField):
    """A whole number whose mistakes are told in a person's words."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Accept "1,000" and "1 000" as well."""
        text = "".join(valuelist[:1]).replace(",", "").replace(" ", "").strip()
        try:
            self.data = int(text) if text else None
        except ValueError:
            self.data = None
            raise ValueError("Enter a whole number.") from None


class SecondsField(FloatField):
    """Seconds, whole or not."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Accept a decimal comma as well."""
        text = "".join(valuelist[:1]).replace(",", ".").strip()
        try:
            self.data = float(text) if text else None
        except ValueError:
            self.data = None
            raise ValueError("Enter a number of seconds, such as 4 or 0.5.") from None

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else f"{self.data:g}"


class SenderForm(FlaskForm):
    """An SMTP account; its fields are called as those of SenderDetails."""

    name = StringField("Name", [DataRequired("Enter a name.")])
    preset = SelectField("Provider", choices=_preset_choices, default="other")
    host = StringField("Server", [DataRequired("Enter the mail server’s name.")])
    port = NumberField("Port", [InputRequired("Enter the port.")], default=587)
    security = SelectField("Encryption", choices=SECURITIES, default="starttls", coerce=Security)
    username = StringField("User name", default="")
    password = PasswordField("Password", default="")
    from_name = StringField("From name", default="")
    from_email = EmailField("From address", [DataRequired("Enter the address it sends from.")])
    reply_to = EmailField("Reply-To address", default="")
    delay_seconds = SecondsField(
        "Delay between e-mails", [InputRequired("Enter 0 or more.")], default=4.0
    )
    max_connections = NumberField("Connections", [InputRequired("Enter 1 or more.")], default=1)
    messages_per_connection = NumberField(
        "E-mails per connection", [InputRequired("Enter 1 or more.")], default=50
    )
    per_minute = NumberField("At most per minute", [Optional()])
    per_hour = NumberField("At most per hour", [Optional()])
    per_day = NumberField("At most per day", [Optional()])
    mark_subject = BooleanField("Mark the subject")

    def details(self) -> SenderDetails:
        """What was entered; call it after the validation."""
        values: dict[str, Any] = {
            field.name: self[field.name].data for field in fields(SenderDetails)
        }
        return SenderDetails(**values)
