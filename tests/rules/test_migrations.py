"""The migrations build what the models say, and can be taken back."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from campaign_app.extensions import Base, db

FOLDER = Path(__file__).parents[2] / "migrations"


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


def test_the_migrations_build_exactly_what_the_models_say(live_app: Flask):
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        difference = compare_metadata(context, Base.metadata)
    assert not difference, f"Write a migration for: {difference}"


def test_every_migration_can_be_taken_back_and_applied_again(live_app: Flask):
    before = tables()
    downgrade(directory=str(FOLDER), revision="base")
    assert tables() == set()
    upgrade(directory=str(FOLDER))
    assert tables() == before


def test_migrations_are_numbered_without_a_gap():
    numbers = sorted(path.name[:4] for path in (FOLDER / "versions").glob("*.py"))
    assert numbers == [f"{n:04}" for n in range(1, len(numbers) + 1)]
