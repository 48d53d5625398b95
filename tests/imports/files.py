"""Files as people really upload them, made for one test each."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl

from campaign_app.imports import preview
from campaign_app.imports.readers import Row, open_rows
from campaign_app.lib.stores import Stores, open_at
from campaign_app.lib.tickets import TicketOffice

_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
_RELATION = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="{target}" Type="http://schemas.openxmlformats.org/'
    'officeDocument/2006/relationships/{kind}"/></Relationships>'
)
_RELATIONS = _RELATION.format(target="worksheets/sheet1.xml", kind="worksheet").replace(
    "</Relationships>",
    "".join(
        f'<Relationship Id="{part}" Target="{part}.xml" Type="http://schemas.openxmlformats.org/'
        f'officeDocument/2006/relationships/{part}"/>'
        for part in ("sharedStrings", "styles")
    )
    + "</Relationships>",
)
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
WORKBOOK = (
    f'<workbook {MAIN} xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships"><sheets><sheet name="List" sheetId="1" r:id="rId1"/></sheets></workbook>'
)


def stores(folder: Path) -> Stores:
    """The files below a folder, as the engine reads them."""
    return open_at(folder, TicketOffice("tests only"))


def workbook(sheets: dict[str, list[list[Any]]]) -> bytes:
    """An .xlsx with these sheets, as openpyxl writes it."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def raw_workbook(rows: str, **others: str) -> bytes:
    """An .xlsx whose only sheet holds this XML of rows: for what no library writes.

    `others` are further parts of it, or stand in the place of one, by their names without ".xml".
    """
    parts = {f"xl/{name}.xml": text for name, text in others.items()}
    return zipped(
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _RELATION.format(target="xl/workbook.xml", kind="officeDocument"),
            "xl/workbook.xml": WORKBOOK,
            "xl/_rels/workbook.xml.rels": _RELATIONS,
            "xl/worksheets/sheet1.xml": f"<worksheet {MAIN}><sheetData>{rows}</sheetData>"
            "</worksheet>",
            **parts,
        }
    )


def zipped(parts: dict[str, str]) -> bytes:
    """A zip archive of these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return file.getvalue()


def written(folder: Path, content: bytes | str) -> Path:
    """The content in a file whose name says nothing."""
    path = folder / "upload"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path) -> list[Row]:
    """Every row below the header, read as it would be imported."""
    dialect = preview.detect(path)
    with open_rows(path, dialect) as rows:
        rows.head(dialect.header_row)
        return [row for _, chunk in rows.chunks(1000) for row in chunk]
