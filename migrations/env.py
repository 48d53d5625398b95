"""How Alembic meets the database: one migrator at a time, and none that waits on a busy table."""

from alembic import context
from flask import current_app
from sqlalchemy import text

MIGRATION_LOCK = 7_203_311
"""The advisory lock's number: two deploys at once take turns instead of clashing."""

db = current_app.extensions["migrate"].db


def run() -> None:
    """Apply the migrations over one connection, under the lock and with short time-outs."""
    with db.engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        # A migration that waits for a lock makes everybody behind it wait as well.
        connection.execute(text("SET lock_timeout = '2s'"))
        connection.execute(text("SET statement_timeout = '5s'"))
        connection.commit()
        try:
            context.configure(
                connection=connection,
                target_metadata=db.metadata,
                compare_type=True,
                transaction_per_migration=True,
            )
            with context.begin_transaction():
                context.run_migrations()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.commit()


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database only: the advisory lock needs one.")
run()
