"""Rows, streamed from every kind of file."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from campaign_app.imports import limits, preview
from campaign_app.imports.detect import Kind
from campaign_app.imports.dialects import Dialect
from campaign_app.imports.readers import open_rows
from campaign_app.lib.errors import Invalid
from tests.imports import files

FIRST = '<row r="1"><c r="A1"><v>1</v></c></row>'


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffE-Mail;Name\r\nm@x.de;Müller\r\n".encode(),
        "E-Mail;Name\r\nm@x.de;Müller\r\n".encode("cp1252"),
        "E-Mail\tName\r\nm@x.de\tMüller\r\n".encode("utf-16"),
        "E-Mail\tName\rm@x.de\tMüller\r".encode("utf-16-le"),
        "sep=;\nE-Mail;Name\nm@x.de;Müller".encode(),
        'E-Mail,Name\n"m@x.de","M\0üller"\n'.encode(),
    ],
)
def test_the_same_rows_come_from_every_dialect(tmp_path, content):
    assert files.read(files.written(tmp_path, content)) == [["m@x.de", "Müller"]]


@pytest.mark.parametrize(
    ("rows", "row", "words"),
    [
        ('b@x.com,"Bo\nc@x.com,Cy\nd@x.com,Dee\n', 3, "never closes"),
        ('b@x.com,Bo\nc@x.com,"Cy', 4, "never closes"),
        ('b@x.com,"Bo\nc@x.com,Cy\nd@x.com,"Dee"\ne@x.com,E\n', 3, "3 lines read as one cell"),
        ('b@x.com,"Bo\nc@x.com,"Cy"\nd@x.com,Dee\n', 3, "2 lines read as one cell"),
    ],
)
def test_a_quotation_mark_that_hides_people_is_refused_with_its_row(tmp_path, rows, row, words):
    path = files.written(tmp_path, "email,name\na@x.com,Ana\n" + rows)
    with pytest.raises(Invalid, match=f"Near row {row} .*{words}"):
        files.read(path)


@pytest.mark.parametrize(
    "cell",
    [
        '"Bo\nLee, or c@x.com, says ""hi"""',
        '"c@x.com\nd@x.com"',
        '5" pipe',
        '"Bo" Lee',
        '"See you\nBo, bo@x.com"',
        '"He wrote:\nTo: ""Lee, Bo"" <bo@x.com>, ""Cy"" <cy@x.com>\nCc: ""Dee"", dee@x.com"',
    ],
)
def test_quotation_marks_that_hide_nobody_are_let_be(tmp_path, cell):
    path = files.written(tmp_path, f"email,name\na@x.com,Ana\nb@x.com,{cell}\ne@x.com,E\n")
    assert [row[0] for row in files.read(path)] == ["a@x.com", "b@x.com", "e@x.com"]


def test_a_row_is_searched_for_addresses_once_however_many_lines_its_cells_have(tmp_path):
    cell = "a,b\n" * (limits.MAX_FIELD_CHARS // 5)
    path = files.written(tmp_path, f'email,note\na@x.com,"{cell}"\n')
    began = time.process_time()
    [row] = files.read(path)
    assert time.process_time() - began < 2
    assert row == ["a@x.com", cell]


def test_foreign_bytes_in_unicode_are_read_as_they_were_meant(tmp_path):
    lines = ["email,name\na@x.com,Jörg\n".encode(), b"b@x.com,J\xf6rg\n", "c@x.com,Zoë".encode()]
    path = files.written(tmp_path, b"".join(lines))
    assert [row[1] for row in files.read(path)] == ["Jörg", "Jörg", "Zoë"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="0049"', "0049"),
        ('"=""0049"""', "0049"),
        ('="say ""hi"""', 'say "hi"'),
        ("'0049", "0049"),
        ("'+49 (30) 12", "+49 (30) 12"),
        ("'=SUM(1)", "=SUM(1)"),
        ("'t Hooft", "'t Hooft"),
        ("'90s fan", "'90s fan"),
        ("=1+1", "=1+1"),
    ],
)
def test_what_keeps_a_text_from_being_calculated_is_no_part_of_it(tmp_path, cell, text):
    path = files.written(tmp_path, f"email,text\na@x.com,{cell}\n")
    assert files.read(path) == [["a@x.com", text]]


def test_a_backslash_may_stand_before_a_quotation_mark(tmp_path):
    text = 'email,name,city\n"a@x.com","Ana \\"A, B\\" Lee","Split"\n"b@x.com","Bo","Oslo"\n'
    assert files.read(files.written(tmp_path, text)) == [
        ["a@x.com", 'Ana "A, B" Lee', "Split"],
        ["b@x.com", "Bo", "Oslo"],
    ]


def test_other_backslashes_are_letters(tmp_path):
    text = 'email,folder,size\na@x.com,"C:\\New\\","5\\"\nb@x.com,D:\\,5\\" pipe\n'
    assert files.read(files.written(tmp_path, text)) == [
        ["a@x.com", "C:\\New\\", "5\\"],
        ["b@x.com", "D:\\", '5\\" pipe'],
    ]


@pytest.mark.parametrize(
    "text",
    [
        '"email,name"\n"a@x.com,Ana"\n"b@x.com,""Lee, Bo"""\n',
        '"email,name"\na@x.com,Ana\n"b@x.com,""Lee, Bo"""\n',
        '"email;name"\r\n"a@x.com;Ana"\r\n"b@x.com;Lee, Bo"\r\n',
    ],
)
def test_rows_that_a_spreadsheet_took_for_one_column_are_unpacked(tmp_path, text):
    path = files.written(tmp_path, text)
    assert files.read(path) == [["a@x.com", "Ana"], ["b@x.com", "Lee, Bo"]]


def test_a_comma_in_the_only_column_parts_nobody(tmp_path):
    path = files.written(tmp_path, 'email\n"Lee, Ana <a@x.com>"\n"Lund, Bo <b@x.com>"\n')
    assert files.read(path) == [["Lee, Ana <a@x.com>"], ["Lund, Bo <b@x.com>"]]


def test_what_begins_and_ends_a_file_is_no_part_of_it(tmp_path):
    path = files.written(tmp_path, '\ufeff\ufeff="email",name\r\na@x.com,Ana\r\n\x1a')
    dialect = preview.detect(path)
    assert files.read(path) == [["a@x.com", "Ana"]]
    assert preview.preview(path, dialect).columns[0].header == "email"


def test_quoted_line_breaks_blank_and_ragged_rows_keep_their_numbers(tmp_path):
    path = files.written(tmp_path, 'email,note\na@x.com,"one\ntwo"\n\nb@x.com\nc@x.com,x,y\n')
    with open_rows(path, Dialect()) as rows:
        chunks = [(first, chunk) for first, chunk in rows.chunks(2)]
    assert chunks == [
        (1, [["email", "note"], ["a@x.com", "one\ntwo"]]),
        (3, [[], ["b@x.com"]]),
        (5, [["c@x.com", "x", "y"]]),
    ]


def test_na_and_leading_zeros_are_text(tmp_path):
    path = files.written(tmp_path, "email,surname,zip\na@x.com,NA,01234\nb@x.com,null,0049\n")
    assert files.read(path) == [["a@x.com", "NA", "01234"], ["b@x.com", "null", "0049"]]


def test_excel_cells_come_as_people_see_them(tmp_path):
    moment = dt.datetime(2024, 1, 5, 9, 30)  # noqa: DTZ001 - Excel knows no zones
    row = ["a@x.com", "NA", "01234", 1234, 3.5, dt.date(2024, 1, 5), moment, True, None]
    header = ["email", "name", "zip", "n", "f", "day", "moment", "ok", "none"]
    path = files.written(tmp_path, files.workbook({"People": [header, row]}))
    cells = [
        "a@x.com",
        "NA",
        "01234",
        "1234",
        "3.5",
        "2024-01-05",
        "2024-01-05 09:30:00",
        "TRUE",
        "",
    ]
    assert files.read(path) == [cells]


def test_formulas_give_the_value_that_excel_calculated(tmp_path):
    row = '<row r="{n}"><c r="A{n}" t="str"><f>LOWER("A@X.COM")</f><v>{a}</v></c>{b}</row>'
    header = row.format(n=1, a="email", b='<c r="B1" t="str"><v>sum</v></c>')
    body = row.format(n=2, a="a@x.com", b='<c r="B2"><f>40+2</f><v>42</v></c>')
    assert files.read(files.written(tmp_path, files.raw_workbook(header + body))) == [
        ["a@x.com", "42"]
    ]


def test_the_sheet_with_addresses_is_chosen_and_its_rows_keep_their_numbers(tmp_path):
    people = [[], [], ["email"], ["a@x.com"]]
    book = files.workbook({"Cover": [["Our customers"]], "People": people, "Old": [["z@x.com"]]})
    path = files.written(tmp_path, book)
    dialect = preview.detect(path)
    assert (dialect.sheet, dialect.header_row) == ("People", 3)
    assert files.read(path) == [["a@x.com"]]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>1</v></c></row>',
            "more than 500 columns",
        ),
        (f'{FIRST}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', "too large"),
        ("<row><broken", "damaged"),
    ],
)
def test_a_hostile_workbook_kills_nothing_but_its_reader(tmp_path, rows, words):
    with pytest.raises(Invalid, match=words):
        preview.detect(files.written(tmp_path, files.raw_workbook(rows)))


def test_a_sheet_that_is_gone_is_said_so(tmp_path):
    path = files.written(tmp_path, files.workbook({"People": [["a@x.com"]]}))
    with (
        pytest.raises(Invalid, match="no sheet called “Other”"),
        open_rows(path, Dialect(Kind.EXCEL, sheet="Other")),
    ):
        pass


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('email,name\na@x.com,"Ann\n' + "b@x.com,Bob\n" * 20_000, "quotation mark"),
        (f'email\na@x.com,"{"x" * 200_000}"\n', "longer than 131,072"),
        ("x" * (limits.MAX_LINE_CHARS + 1), "longer than a spreadsheet row"),
        (",".join("x" * 501), "more than 500 columns"),
    ],
)
def test_what_is_no_table_is_said_so(tmp_path, content, words):
    with pytest.raises(Invalid, match=words):
        files.read(files.written(tmp_path, content))


def test_progress_is_told_in_bytes(tmp_path):
    path = files.written(tmp_path, "a@x.com,Ann\n" * 100_000)
    with open_rows(path, Dialect(header_row=0)) as rows:
        places = [rows.bytes_read for _ in rows.chunks(20_000)]
    assert places == sorted(places)
    assert places[-1] == path.stat().st_size
    assert rows.number == 100_000


def test_long_rows_are_no_bomb(tmp_path):
    row = "a@x.com," + ",".join(["x" * 1_000] * 400)
    path = files.written(tmp_path, "email,name\n" + f"{row}\n" * 60)
    assert len(files.read(path)) == 60


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_are_whole_wherever_a_block_ends(tmp_path, end):
    rows = [[f"user{n}@x.com", f'say "{n}",{end}and more'] for n in range(20_000)]
    text = "".join(f'{email},"{note.replace(chr(34), chr(34) * 2)}"{end}' for email, note in rows)
    path = files.written(tmp_path, f"email,note{end}{text}")
    assert files.read(path) == rows
