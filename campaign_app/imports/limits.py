"""What a file may be. Each limit has its message here, in the words of the person who uploads."""

from __future__ import annotations

MAX_LINE_CHARS = 1024 * 1024
MAX_FIELD_CHARS = 128 * 1024
MAX_RECORD_CHARS = 8 * 1024 * 1024
MAX_COLUMNS = 500
MAX_VALUE_CHARS = 1_000
"""Longer cells are cut: an attribute is a word or a sentence, not a document."""

EXCEL_MAX_UNPACKED_BYTES = 512 * 1024**2
"""All parts of the workbook together, as its zip directory declares them."""
EXCEL_MAX_PARTS = 5_000
EXCEL_MAX_RATIO = 400
"""Sheets compress 5 to 50 times; a bomb a thousand times."""
EXCEL_MEMORY_BYTES = 1024**3
"""Address space of the child that parses: what the directory hides, this stops."""
EXCEL_CPU_SECONDS = 120

PREVIEW_ROWS = 200
SAMPLES = 5

TOO_WIDE = (
    f"This file has more than {MAX_COLUMNS} columns. Remove the ones you do not need and upload"
    " it again."
)
LINE_TOO_LONG = (
    "Row {row} is longer than a spreadsheet row can be. Is this really a table with one person per"
    " row?"
)
OPEN_QUOTE = (
    'Near row {row} a quotation mark (") opens and never closes, so the rest of the file reads as'
    " one cell. Remove or double that quotation mark and upload the file again."
)
LONG_CELL = (
    f"Near row {{row}} a cell is longer than {MAX_FIELD_CHARS:,} characters. Most likely a"
    ' quotation mark (") opens and never closes: remove or double it, or shorten the cell, and'
    " upload the file again."
)
SWALLOWED = (
    'Near row {row} a quotation mark (") opens and does not close before other people follow, so'
    " {lines} lines read as one cell. Remove or double that quotation mark and upload the file"
    " again."
)
EXCEL_TOO_LARGE = (
    "This workbook is too large to open as Excel. Save the sheet as CSV (“CSV UTF-8” in Excel) and"
    " upload that instead: CSV has no such limit."
)
EXCEL_BROKEN = (
    "This Excel file is damaged and cannot be read. Open it in Excel, save it again as .xlsx, and"
    " upload the new file."
)
EXCEL_LOCKED = (
    "This workbook is protected with a password. Save a copy without the password and upload that."
)
EXCEL_NO_SHEET = "This workbook has no sheet with rows in it."
UNSAVED_RESULTS = (
    "Some cells hold formulas whose results are not in the file, so they are read as empty. Open"
    " the workbook in Excel or LibreOffice, save it, and upload it again."
)
SHEET_GONE = "There is no sheet called “{sheet}” in this workbook. Choose another one."
FILE_GONE = "The uploaded file is no longer here. Upload it again."
