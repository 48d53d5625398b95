"""What every form needs: putting a service's refusal next to the field it is about."""

from __future__ import annotations

from flask_wtf import FlaskForm

from campaign_app.lib.errors import Invalid


def blame(form: FlaskForm, error: Invalid) -> None:
    """Show the error at its field, or above the form when it belongs to none of them."""
    if error.field is None or error.field not in form:
        form.form_errors.append(error.message)
    else:
        field = form[error.field]
        field.errors = [*field.errors, error.message]
