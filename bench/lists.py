"""Files of people to import, as marketers have them: repeated rows, bad rows, five attributes."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path

import openpyxl

HEADER = ["email", "name", "city", "company", "plan", "joined", "score"]
REPEATED, BAD = 0.05, 0.01
PLANS = ("free", "pro", "team")

Row = list[str]


def rows(number: int, *, edition: int) -> Iterator[Row]:
    """The same people for every edition, of whom each has another score in each."""
    chance = random.Random(1)
    for place in range(number):
        who = chance.randrange(place) if place and chance.random() < REPEATED else place
        address = f"person{who}.{who * 7919 % 1_000_003}@mail{who % 500}.example.com"
        yield [
            f"nobody {who}" if chance.random() < BAD else address,
            f"First{who % 5_000} Lastname{who}",
            f"City {who % 300}",
            f"Company {who % 20_000} Ltd",
            PLANS[who % 3],
            f"2024-{who % 12 + 1:02}-{who % 28 + 1:02}",
            str((who + edition) % 1_000),
        ]


def write(path: Path, number: int, *, edition: int) -> None:
    """Write so many rows, as the file's name says: .csv or .xlsx."""
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("People")
        for row in (HEADER, *rows(number, edition=edition)):
            sheet.append(row)
        book.save(path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows(number, edition=edition))
