"""The index of words: what is known of each recipient as words, and who waits to be indexed."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Index, Integer
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import Big, BigId


class RecipientWords(Owned, Base):
    """A recipient's folded words, each behind its workspace's id: `7:berlin`.

    So a workspace reads its own postings only. Without foreign keys, which would cost as much as
    the rest of an insert; words of people who are gone find nobody, and the indexer removes them.
    """

    __tablename__ = "recipient_words"
    __table_args__ = (
        Index(
            "ix_recipient_words_words",
            "words",
            postgresql_using="gin",
            # Kilobytes of new entries that are sorted in together; a search reads them one by one.
            postgresql_with={"gin_pending_list_limit": "16384"},
        ),
    )

    recipient_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace_id: Mapped[Big]
    words: Mapped[str] = mapped_column(TSVECTOR)


class UnindexedRecipients(Owned, Base):
    """Recipients whose words a statement has changed; gone when they are indexed.

    Triggers append these rows in the changing transaction, so that no writer can be forgotten.
    """

    __tablename__ = "unindexed_recipients"
    __table_args__ = (Index("ix_unindexed_recipients_workspace_id", "workspace_id", "id"),)

    id: Mapped[BigId]
    workspace_id: Mapped[Big]
    recipient_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    number: Mapped[int] = mapped_column(Integer)
    """How many ids these are: the array lies out of line."""
