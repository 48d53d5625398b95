"""Names and addresses that may stand once only: the database decides, and its refusal is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid


@contextmanager
def claimed(message: str, *, field: str = "name") -> Iterator[None]:
    """Write inside, in a savepoint; what is taken already raises Invalid with `message`.

    Looking first would lose a race of two.
    """
    try:
        with db.session.begin_nested():
            yield
            db.session.flush()
    except IntegrityError as error:
        raise Invalid(message, field=field) from error
