"""Errors for scripts as for people: one line, status 1, no traceback."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from sqlalchemy.exc import OperationalError, ProgrammingError

from campaign_app.lib.errors import CarillonError

P = ParamSpec("P")
R = TypeVar("R")


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Tell what went wrong in a line on standard error."""

    @wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except CarillonError as error:
            raise click.ClickException(error.message) from error
        except OperationalError as error:
            raise click.ClickException(
                f"The database does not answer: {error.orig}".strip()
            ) from error
        except ProgrammingError as error:
            raise click.ClickException(
                "The database has other tables than expected. Run: bin/flask db upgrade"
            ) from error

    return told
