"""The errors people see. Each says whether trying again can help."""

from __future__ import annotations

from collections.abc import Mapping


class CarillonError(Exception):
    """Base of every error whose message is written for the user.

    `retryable` is True when the same request may succeed later without being changed.
    """

    status = 400
    retryable = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(CarillonError):
    """The input is wrong. `field` names the input it belongs to, or is None for the whole form."""

    status = 422

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidEntries(Invalid):
    """Some entries of a list are wrong; `entries` says what of each, by its place from 0."""

    def __init__(self, entries: Mapping[int, str], *, field: str) -> None:
        many = f"{len(entries):,} entries are" if len(entries) > 1 else "One entry is"
        super().__init__(f"{many} wrong, and nothing was changed.", field=field)
        self.entries = entries


class NotFound(CarillonError):
    """There is no such thing in this workspace: what a stranger sees, too."""

    status = 404

    def __init__(self, message: str = "That does not exist, or it is not yours.") -> None:
        super().__init__(message)


class Conflict(CarillonError):
    """The thing is not in a state that allows this, or somebody else was faster."""

    status = 409


class Forbidden(CarillonError):
    """The person's role does not allow this."""

    status = 403


class Unavailable(CarillonError):
    """Something we depend on does not answer; trying again later can help."""

    status = 503
    retryable = True
