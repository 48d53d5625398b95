"""The presets fill the sender's form with what the provider allows."""

from __future__ import annotations

import pytest

from campaign_app.lib.hosts import MAIL_PORTS
from campaign_app.services import presets


@pytest.mark.parametrize(
    ("key", "messages", "connections", "per_day"),
    [
        ("gmail", 50, 5, 500),
        ("workspace", 50, 5, 2_000),
        ("microsoft365", 50, 3, 10_000),
        ("yahoo", 20, 5, 500),
        ("hostinger", 50, 2, 1_000),
        ("mailgun", 3, 20, None),
    ],
)
def test_a_preset_keeps_to_the_providers_limits(key, messages, connections, per_day):
    preset = presets.get(key)
    assert preset.messages_per_connection == messages
    assert preset.max_connections == connections
    assert preset.per_day == per_day


def test_keys_are_unique_and_every_preset_can_be_dialled():
    keys = [preset.key for preset in presets.PRESETS]
    assert len(keys) == len(set(keys))
    assert {preset.port for preset in presets.PRESETS} <= MAIL_PORTS
    assert {preset.security for preset in presets.PRESETS} <= {"none", "starttls", "tls"}


def test_bulk_services_need_no_pause_between_mails_and_small_ones_do():
    unhurried = {preset.key for preset in presets.PRESETS if preset.delay_seconds == 0}
    assert unhurried == {"ses", "sendgrid", "brevo", "mailgun", "local"}


@pytest.mark.parametrize("key", [None, "", "no such provider"])
def test_an_unknown_preset_is_another_mail_server(key):
    assert presets.get(key).key == "other"
