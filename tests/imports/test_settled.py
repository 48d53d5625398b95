"""A long list is shown at once as a few pieces of it seem to be, and imported as all of it is."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.imports import preview
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.recipients import Recipient
from tests.imports import files
from tests.imports.imported import an_import, work

LONG = ",".join(["a long note"] * 2_800)
"""Few people in many bytes: 31 kB each."""


def a_list(encoding: str) -> bytes:
    """9 MB of people, one of whom, with an accent in the name, stands where nobody looks first."""
    plain = "".join(f'p{number}@example.com,Jan,"{LONG}"\n' for number in range(290))
    half = len(plain) // 290 * 145
    place = plain.index("\n", half) + 1
    odd = "odd@example.com,Michał Świętosław,\n"
    return f"email,name,note\n{plain[:place]}{odd}{plain[place:]}".encode(encoding)


def names(workspace) -> dict[str, str]:
    people = select(Recipient).where(Recipient.workspace_id == workspace.id)
    return {person.email: person.name for person in db.session.scalars(people)}


def test_the_worker_reads_what_the_wizard_could_not_see(workspace, tmp_path: Path):
    row = an_import(workspace, tmp_path, a_list("cp1250"))
    assert row.options["encoding"] == "utf-8"
    work(row, tmp_path)
    assert (row.state, row.new) == (ImportState.DONE, 291)
    assert names(workspace)["odd@example.com"] == "Michał Świętosław"


def test_what_a_person_has_chosen_stays(workspace, tmp_path: Path):
    content = "email,name\na@example.com,Łukasz Wałęsa\n".encode("cp1250")
    dialect = preview.detect(files.written(tmp_path, content))
    assert dialect.encoding == "cp1250"
    chosen = {**dialect.as_options(), "encoding": "cp1252", "encoding_chosen": True}
    row: Import = an_import(workspace, tmp_path, content, options=chosen)
    work(row, tmp_path)
    assert names(workspace) == {"a@example.com": "£ukasz Wa³êsa"}
