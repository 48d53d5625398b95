"""Reading what a request brings, and saying in plain words what is wrong with it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from campaign_app.api.problems import BadInputError, Mistake
from campaign_app.api.shapes import ONE_OF

M = TypeVar("M", bound=BaseModel)

FORM_FIELDS = ("file", "mapping")

SAID = {
    "missing": "This is required.",
    "string_type": "Write this as text, in quotation marks.",
    "int_type": "Write this as a whole number, without quotation marks.",
    "int_parsing": "Write this as a whole number.",
    "int_from_float": "Write this as a whole number.",
    "float_type": "Write this as a number, without quotation marks.",
    "bool_type": "Write this as true or false.",
    "list_type": "Write this as a list, in square brackets.",
    "datetime_type": "Write this as a time such as “2026-11-22T09:00:00”.",
    "datetime_parsing": "Write this as a time such as “2026-11-22T09:00:00”.",
    "datetime_from_date_parsing": "Write this as a time such as “2026-11-22T09:00:00”.",
    "enum": "This can be {expected}.",
    "literal_error": "This can be {expected}.",
    "greater_than_equal": "This must be at least {ge}.",
    "less_than_equal": "This must be at most {le}.",
    "string_too_short": "This must not be empty.",
    "string_too_long": "Use at most {max_length} characters.",
    "string_pattern_mismatch": "Take this from the `next` of the page before.",
    "too_short": "Give at least {min_length}.",
    "too_long": "Give at most {max_length}.",
    "finite_number": "This must be a finite number.",
    "dict_type": "Write an object, in curly brackets.",
    "model_type": "Write an object, in curly brackets.",
    "value_error": "{error}",
}
"""Pydantic's kinds of error in a user's words."""


def body(shape: type[M]) -> M:
    """The JSON body. Raises BadInputError, 400, 415 or 422."""
    raw = request.get_data()
    if not request.is_json:
        message = "Send JSON, with the header Content-Type: application/json."
        raise BadInputError(message, status=415)
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        if details[0]["type"] == "json_invalid":
            where = details[0].get("ctx", {}).get("error", "")
            message = f"The body is not JSON: {where}."
            raise BadInputError(message, status=400) from None
        raise _refusal(details, in_body=True) from None


@dataclass(frozen=True, slots=True)
class SentFile:
    """A small file that came with the request, and the other fields of its form."""

    filename: str
    stream: IO[bytes]
    fields: Mapping[str, str]


def file() -> SentFile:
    """The file in the body: the field `file` of a form, or the body itself.

    Raises BadInputError, 415 or 422.
    """
    if request.mimetype == "multipart/form-data":
        return _file_of_form()
    if request.is_json or request.mimetype == "application/x-www-form-urlencoded":
        message = (
            "Send the file in the field “file” of a form (multipart/form-data), or as the body"
            " itself, with the header Content-Type: application/octet-stream."
        )
        raise BadInputError(message, status=415)
    return SentFile("", io.BytesIO(request.get_data()), {})


def _file_of_form() -> SentFile:
    sent = request.files.getlist("file")
    if len(sent) != 1:
        raise BadInputError("Send one file, in the field “file”.")
    unknown = [name for name in (*request.files, *request.form) if name not in FORM_FIELDS]
    if unknown:
        raise BadInputError(f"There is nothing called “{unknown[0]}” here. Is it misspelt?")
    return SentFile(sent[0].filename or "", sent[0].stream, request.form.to_dict())


def nothing() -> None:
    """Refuse a body where none is asked for, but for an empty object."""
    raw = request.get_data().strip()
    if raw and raw != b"{}":
        raise BadInputError("This takes no body: leave it away, or send {}.")


def query(shape: type[M]) -> M:
    """The query's parameters. Raises BadInputError, 422, for one that is given twice, too."""
    lists = request.args.to_dict(flat=False)
    twice = [name for name, values in lists.items() if len(values) > 1]
    if twice:
        found = [Mistake(parameter=name, detail="Give this once only.") for name in twice]
        raise BadInputError(_summary(found), mistakes=found)
    try:
        return shape.model_validate({name: values[0] for name, values in lists.items()})
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise _refusal(details, in_body=False) from None


def _refusal(details: Sequence[ErrorDetails], *, in_body: bool) -> BadInputError:
    found = [_mistake(detail, in_body=in_body) for detail in details[:100]]
    return BadInputError(_summary(found), mistakes=found)


def _mistake(detail: ErrorDetails, *, in_body: bool) -> Mistake:
    said = _said(detail)
    if in_body:
        return Mistake(pointer=_pointer(detail["loc"]), detail=said)
    return Mistake(parameter=str(detail["loc"][0]) if detail["loc"] else None, detail=said)


def _said(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return f"There is nothing called “{detail['loc'][-1]}” here. Is it misspelt?"
    context: dict[str, Any] = detail.get("ctx", {})
    return SAID.get(detail["type"], "{msg}").format(msg=detail["msg"], **context)


def _pointer(place: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901); "" is the whole body."""
    parts = [str(part) for part in place if not str(part).startswith(ONE_OF)]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def _summary(found: Sequence[Mistake]) -> str:
    if len(found) == 1:
        where = (found[0].pointer or "").lstrip("/") or found[0].parameter
        return f"{where}: {found[0].detail}" if where else found[0].detail
    return f"{len(found)} things are wrong with the input; `errors` names each."
