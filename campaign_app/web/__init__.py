"""The door for people: pages behind a session, and the pages that make one."""

from __future__ import annotations

from flask import Blueprint, Flask

from campaign_app.web import (
    analytics,
    auth,
    campaign_actions,
    campaign_review,
    campaigns,
    dashboard,
    door,
    errors,
    exports,
    filters,
    groups,
    headers,
    import_steps,  # noqa: F401 - its pages are among those of imports
    imports,
    live_answer,
    mailbox,
    now,
    personal_data,
    recipients,
    reports,
    segments,
    senders,
    settings,
    signup_forms,
    static_files,
    templates,
    unconfirmed,
    uploads,  # noqa: F401 - its pages are among those of imports
)

OPEN: tuple[Blueprint, ...] = (auth.bp,)
"""Pages for strangers: signing up, logging in."""

GUARDED: tuple[Blueprint, ...] = (
    dashboard.bp,
    now.bp,
    campaigns.bp,
    campaign_review.bp,
    campaign_actions.bp,
    analytics.bp,
    templates.bp,
    recipients.bp,
    groups.bp,
    segments.bp,
    exports.bp,
    personal_data.bp,
    signup_forms.bp,
    imports.bp,
    senders.bp,
    reports.bp,
    unconfirmed.bp,
    settings.bp,
)
"""Pages of a workspace: `door.require_member` stands before each of them."""


def register(app: Flask) -> None:
    """Hang every page into the application, each behind its door."""
    door.install(app)
    live_answer.install(app)
    errors.install(app)
    filters.install(app)
    headers.install(app)
    static_files.install(app)
    for blueprint in OPEN:
        app.register_blueprint(blueprint)
    for blueprint in GUARDED:
        app.register_blueprint(blueprint)
        app.before_request_funcs.setdefault(blueprint.name, []).insert(0, door.require_member)
    if app.extensions["carillon_config"].mailbox_dir:
        app.register_blueprint(mailbox.bp)
