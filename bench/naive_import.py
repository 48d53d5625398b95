"""The naive way to import a file: pandas reads it whole, and every row becomes an ORM object.

As a competent beginner writes it: cells as text, the address checked by a library, one query for
each row to see who is there, one commit at the end. It says what it did as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
from pathlib import Path

import pandas as pd
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from campaign_app import create_app
from campaign_app.extensions import db
from campaign_app.models.recipients import Recipient
from config import Config


def main() -> None:
    """Import a file into a workspace."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("workspace", type=int)
    asked = parser.parse_args()
    cells = {"dtype": str, "keep_default_na": False}
    if asked.file.suffix == ".xlsx":
        frame = pd.read_excel(asked.file, engine="openpyxl", **cells)
    else:
        frame = pd.read_csv(asked.file, **cells)
    with create_app(Config.from_environ()).app_context():
        new = sum(_take(asked.workspace, dict(row)) for _, row in frame.iterrows())
        db.session.commit()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"rows": len(frame), "new": new, "peak_memory_mb": peak}))


def _take(workspace_id: int, cells: dict[str, str]) -> bool:
    """Whether the row brought somebody new."""
    try:
        checked = validate_email(cells.pop("email"), check_deliverability=False)
    except EmailNotValidError:
        return False
    email, name = checked.normalized.lower(), cells.pop("name")
    query = select(Recipient).where(
        Recipient.workspace_id == workspace_id, Recipient.email == email
    )
    known = db.session.scalars(query).one_or_none()
    if known is None:
        db.session.add(
            Recipient(workspace_id=workspace_id, email=email, name=name, attributes=cells)
        )
        return True
    known.name, known.attributes = name, {**known.attributes, **cells}
    return False


if __name__ == "__main__":
    main()
