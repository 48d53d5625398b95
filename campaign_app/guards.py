"""What stands at the doors: sessions of people, forged forms, and limits on how often one may try.

Apart from the other shared objects, because a worker opens no doors and need not read all this.
"""

from __future__ import annotations

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_wtf import CSRFProtect

login_manager = LoginManager()
csrf = CSRFProtect()
limiter = Limiter(key_func=get_remote_address)


def register(app: Flask) -> None:
    """Put them in front of the application's doors; the order is that of their hooks."""
    csrf.init_app(app)
    limiter.init_app(app)
    login_manager.init_app(app)
