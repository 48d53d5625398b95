"""The engine's tools, made from the application's settings."""

from __future__ import annotations

import os
import socket

from flask import current_app
from redis.exceptions import RedisError

from campaign_app.extensions import redis
from campaign_app.sending.workshop import Workshop
from campaign_app.tasks.queues import SENDING, lists
from config import Config


def workshop() -> Workshop:
    """What a drain of this process works with."""
    config: Config = current_app.extensions["carillon_config"]
    return Workshop(
        public_url=config.public_url,
        journals=config.state_path / "journals",
        allow_private=config.allow_private_hosts,
        vault=current_app.extensions["vault"],
        sign=current_app.extensions["signer"].sign,
        helo=socket.getfqdn(),
        others_wait=others_wait,
        lease_seconds=config.lease_seconds,
    )


def confirmation_url(signup_id: int) -> str:
    """The page on which somebody confirms that they signed up."""
    config: Config = current_app.extensions["carillon_config"]
    token = current_app.extensions["signups_signer"].sign(signup_id)
    return f"{config.public_url}/s/confirm/{token}"


def others_wait() -> bool:
    """True while doorbells lie in the queue that no thread has answered."""
    try:
        return any(redis.client.llen(key) for key in lists(SENDING))
    except RedisError:
        return False


def capacity() -> int:
    """Drains that can run at once over all sending processes."""
    config: Config = current_app.extensions["carillon_config"]
    return config.workers * config.sending_threads


def worker_name() -> str:
    """This process, for people who look into the tables."""
    return f"{socket.gethostname()}:{os.getpid()}"
