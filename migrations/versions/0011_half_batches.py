"""Half of a batch says what it added to the counts: a worker may find it written, and the rest not.

Imports that are under way go on: what they wrote has lower numbers than what they will write.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COLUMNS = ("people_updated", "people_suppressed")


def upgrade() -> None:
    """Apply."""
    for name in COLUMNS:
        column = sa.Column(name, sa.Integer(), server_default="0", nullable=False)
        op.add_column("import_batches", column)


def downgrade() -> None:
    """Undo."""
    for name in COLUMNS:
        op.drop_column("import_batches", name)
