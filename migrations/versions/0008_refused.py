"""Bulk actions tell how many could not join a group because they had left it for good."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "bulk_actions", sa.Column("refused", sa.BigInteger(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    """Undo."""
    op.drop_column("bulk_actions", "refused")
