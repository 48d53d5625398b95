"""What a file really is, judged by its content: the name may say anything."""

from __future__ import annotations

import codecs
import zipfile
from enum import StrEnum
from pathlib import Path

from campaign_app.imports import encodings, limits
from campaign_app.lib.errors import Invalid

HEAD_BYTES = 64 * 1024


class Kind(StrEnum):
    """The kinds of file that can be imported."""

    TEXT = "csv"
    EXCEL = "xlsx"


UPLOAD_INSTEAD = "Upload a CSV file or an Excel workbook (.xlsx)."
OLD_EXCEL = (
    "This is an old Excel file (.xls). Open it in Excel, choose “Save as”, “Excel Workbook"
    " (.xlsx)”, and upload the new file."
)
WEB_PAGE = (
    "This is a web page with a spreadsheet’s name. Open it in Excel, save it as .xlsx, and upload"
    " the new file."
)

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", f"This is a PDF. {UPLOAD_INSTEAD}"),
    (b"\x89PNG", f"This is a picture. {UPLOAD_INSTEAD}"),
    (b"\xff\xd8\xff", f"This is a picture. {UPLOAD_INSTEAD}"),
    (b"GIF8", f"This is a picture. {UPLOAD_INSTEAD}"),
    (b"RIFF", f"This is a picture or a sound. {UPLOAD_INSTEAD}"),
    (b"\x1f\x8b", "This file is compressed (gzip). Unpack it and upload the file inside."),
    (b"7z\xbc\xaf", "This is a 7-Zip archive. Unpack it and upload the file inside."),
    (b"Rar!", "This is a RAR archive. Unpack it and upload the file inside."),
    (b"BZh", "This file is compressed (bzip2). Unpack it and upload the file inside."),
    (b"{\\rtf", f"This is a text document (.rtf). {UPLOAD_INSTEAD}"),
    (b"\x7fELF", f"This is a program. {UPLOAD_INSTEAD}"),
    (b"SQLite format 3", f"This is a database file. {UPLOAD_INSTEAD}"),
)
_MARKUP: tuple[tuple[bytes, str], ...] = (
    (
        b"<html",
        WEB_PAGE,
    ),
    (b"<table", WEB_PAGE),
    (b"<workbook", OLD_EXCEL),
    (b"begin:vcard", "This is an address card (.vcf). Export your contacts as CSV instead."),
)
_ZIP_PARTS: tuple[tuple[str, str], ...] = (
    ("xl/workbook.bin", "This is a binary workbook (.xlsb). Save it as .xlsx and upload that."),
    ("word/document.xml", f"This is a Word document. {UPLOAD_INSTEAD}"),
    ("ppt/presentation.xml", f"This is a presentation. {UPLOAD_INSTEAD}"),
    ("content.xml", "This is an OpenDocument file. Save it as .xlsx or CSV and upload that."),
    ("Index/Document.iwa", "This is a Numbers file. Export it as CSV or Excel and upload that."),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def kind_of(path: Path) -> Kind:
    """Tell text from Excel.

    Raises errors.Invalid, with the remedy, for everything else: an empty file, an archive, a
    picture, an old .xls, a bomb.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(_ZIP):
        return _workbook(path)
    if head.startswith(_OLE):
        raise Invalid(_old_office(path), field="file")
    for signature, message in _SIGNATURES:
        if head.startswith(signature):
            raise Invalid(message, field="file")
    _refuse_what_is_no_table(head)
    return Kind.TEXT


def _refuse_what_is_no_table(head: bytes) -> None:
    text = _as_utf8(head).replace(b"\0", b"")
    if not text.strip():
        raise Invalid("This file is empty. Choose a file with at least one row.", field="file")
    start = text.lstrip()[:2048].lower()
    for mark, message in _MARKUP:
        if start.startswith(mark) or (start.startswith((b"<!", b"<?", b"<meta")) and mark in start):
            raise Invalid(message, field="file")
    if start.startswith(b"<") and b"</td>" in start:
        raise Invalid(WEB_PAGE, field="file")
    if start.startswith(b"<?xml"):
        raise Invalid(f"This is an XML file. {UPLOAD_INSTEAD}", field="file")
    if b"".join(start.split()).startswith((b"[{", b'{"')):
        raise Invalid(f"This is a JSON file. {UPLOAD_INSTEAD}", field="file")
    if _control_share(text) > 0.02:
        raise Invalid(f"This is not a table of text. {UPLOAD_INSTEAD}", field="file")


def _as_utf8(head: bytes) -> bytes:
    """In UTF-16, Cyrillic and Chinese letters hold bytes that look like control characters."""
    if head.startswith(_UTF16_BOMS):
        return head.decode("utf-16", "ignore").encode()
    if found := encodings.utf16_of(head):
        return head.decode(found, "ignore").encode()
    return head.removeprefix(codecs.BOM_UTF8)


def _control_share(data: bytes) -> float:
    control = bytes(set(range(32)) - set(b"\t\n\r\f\v\x1a\x1b"))
    return 1 - len(data.translate(None, control)) / len(data)


def _old_office(path: Path) -> str:
    """Tell .xls from an encrypted .xlsx, which hides in the same container: by stream names."""
    with path.open("rb") as file:
        sample = file.read(1024 * 1024)
    if "EncryptedPackage".encode("utf-16-le") in sample:
        return limits.EXCEL_LOCKED
    if "WordDocument".encode("utf-16-le") in sample:
        return f"This is a Word document. {UPLOAD_INSTEAD}"
    return OLD_EXCEL


def _workbook(path: Path) -> Kind:
    """Judge a zip by its directory alone: nothing is unpacked before the sizes are known."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise Invalid(limits.EXCEL_BROKEN, field="file") from None
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        raise Invalid(_what_zip(names), field="file")
    packed = sum(part.compress_size for part in parts)
    unpacked = sum(part.file_size for part in parts)
    if (
        len(parts) > limits.EXCEL_MAX_PARTS
        or unpacked > limits.EXCEL_MAX_UNPACKED_BYTES
        or unpacked > limits.EXCEL_MAX_RATIO * max(packed, 4096)
    ):
        raise Invalid(limits.EXCEL_TOO_LARGE, field="file")
    return Kind.EXCEL


def _what_zip(names: set[str]) -> str:
    for part, message in _ZIP_PARTS:
        if part in names:
            return message
    return "This is a .zip archive. Unpack it and upload the CSV or Excel file inside."
