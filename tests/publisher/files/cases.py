"""Files as people have them, each made here: how many of its rows are readings, or the sentence that helps."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import json
import lzma
import shutil
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HEADER: Final = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
ROWS: Final = (
    "Adelie,Torgersen,39.1,18.7,181,3750,male,2007",
    "Gentoo,Biscoe,46.1,13.2,211,4500,female,2008",
    "Chinstrap,Dream,49.5,19,200,3800,male,2008",
)
PLAIN: Final = "\n".join([HEADER, *ROWS]) + "\n"
CELLS: Final = [list(HEADER.split(","))] + [
    [float(cell) if cell[0].isdigit() else cell for cell in row.split(",")] for row in ROWS
]
"""The same as the cells of a spreadsheet."""
MASSES: Final = [3750.0, 4500.0, 3800.0]
"""The masses of ROWS, which every file below has that gives all of them."""


@dataclass(frozen=True, slots=True)
class FileCase:
    """A file's bytes; how many rows are readings of how many; the words of a sentence; the options that make all rows readings."""

    content: Callable[[], bytes]
    good: int = 3
    bad: int = 0
    says: str = ""
    options: tuple[str, ...] = ()
    masses: tuple[float, ...] | None = None


def text(*lines: str, encoding: str = "utf-8", end: str = "\n") -> Callable[[], bytes]:
    return lambda: "".join(f"{line}{end}" for line in lines).encode(encoding)


def swapped(old: str, new: str, source: str = PLAIN) -> Callable[[], bytes]:
    return lambda: source.replace(old, new).encode()


def frame() -> pd.DataFrame:
    return pd.read_csv(io.StringIO(PLAIN))


def written(write: Callable[[pd.DataFrame, Any], object]) -> Callable[[], bytes]:
    def made() -> bytes:
        file = io.BytesIO()
        write(frame(), file)
        return file.getvalue()

    return made


def ipc(opener: Callable[[Any, pa.Schema], Any]) -> Callable[[], bytes]:
    def made() -> bytes:
        table, file = pa.Table.from_pandas(frame(), preserve_index=False), io.BytesIO()
        with opener(file, table.schema) as writer:
            writer.write_table(table)
        return file.getvalue()

    return made


def zipped(**files: str) -> Callable[[], bytes]:
    def made() -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in files.items():
                archive.writestr(f"{name}.csv", content)
        return file.getvalue()

    return made


def sheets(**lines_of: Sequence[Sequence[Any]]) -> Callable[[], bytes]:
    """A workbook with the rows of each of its sheets."""

    def made() -> bytes:
        book, file = openpyxl.Workbook(), io.BytesIO()
        book.remove(book["Sheet"])
        for title, lines in lines_of.items():
            page = book.create_sheet(title)
            for line in lines:
                page.append(list(line))
        book.save(file)
        return file.getvalue()

    return made


def sheet(
    *rows: Sequence[Any], below: Sequence[Sequence[Any]] = (), **others: Sequence[Sequence[Any]]
) -> Callable[[], bytes]:
    """A workbook whose first sheet has these rows, ROWS below its header, and others below them."""
    return sheets(Sheet=[*rows, *CELLS, *below], **others)


def converted(ending: str, made: Callable[[], bytes]) -> Callable[[], bytes]:
    """The same workbook as LibreOffice writes it in another form; skipped where it is not installed."""

    @functools.cache
    def written_so() -> bytes:
        office = shutil.which("soffice") or shutil.which("libreoffice")
        if office is None:
            pytest.skip("LibreOffice is not on this machine: apt-get install libreoffice-calc")
        with tempfile.TemporaryDirectory(prefix="rookery-") as folder:
            path = Path(folder) / "readings.xlsx"
            path.write_bytes(made())
            command = [
                office,
                f"-env:UserInstallation=file://{folder}/profile",
                "--headless",
                "--convert-to",
                ending,
            ]
            subprocess.run([*command, "--outdir", folder, path], check=True, capture_output=True)
            return path.with_suffix(f".{ending}").read_bytes()

    return written_so


def ods(*rows: Sequence[Any]) -> Callable[[], bytes]:
    """A workbook of OpenDocument with ROWS below some rows, and a total."""

    def cell(value: Any) -> str:
        if isinstance(value, str):
            return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
        value = "" if value is None else f' office:value-type="float" office:value="{value}"'
        return f"<table:table-cell{value}/>"

    lines = "".join(
        f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in (*rows, *CELLS, *TOTAL)
    )
    names = " ".join(
        f'xmlns:{each}="urn:oasis:names:tc:opendocument:xmlns:{each}:1.0"'
        for each in ("office", "table", "text")
    )
    body = f'<office:spreadsheet><table:table table:name="One">{lines}</table:table></office:spreadsheet>'
    content = f"<office:document-content {names}><office:body>{body}</office:body></office:document-content>"
    files = {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "content.xml": content,
        "META-INF/manifest.xml": '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
    }

    def made() -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, text_of in files.items():
                archive.writestr(name, text_of)
        return file.getvalue()

    return made


TITLES: Final = (("Penguins 2007-2009",), ("measured by hand", None, "in mm and g"), ())
TOTAL: Final = (("Total", None, 134.7, 50.9, 592, 12050),)
MEANS: Final = ((None, None, 44.9, 16.97, 197.33, 4016.67),)
SUMS: Final = "a row that sums up others is no reading"
SEMICOLONS: Final = PLAIN.replace(",", ";").replace(".", ",")
QUOTED: Final = '"species","bill_length_mm","body_mass_g"\n"1","Adelie",39.1,3750\n"2","Gentoo",46.1,4500'
OBJECTS: Final = [{"Body Mass (g)": mass, "bill length": 40.5} for mass in MASSES]

CASES: Final[dict[str, FileCase]] = {
    "plain": FileCase(text(*PLAIN.splitlines())),
    "crlf": FileCase(text(*PLAIN.splitlines(), end="\r\n")),
    "old Mac": FileCase(text(*PLAIN.splitlines(), end="\r")),
    "no last line end": FileCase(lambda: PLAIN.strip().encode()),
    "byte order mark": FileCase(text(*PLAIN.splitlines(), encoding="utf-8-sig")),
    "UTF-16": FileCase(text(*PLAIN.splitlines(), encoding="utf-16")),
    "UTF-16 without a mark": FileCase(text(*PLAIN.splitlines(), encoding="utf-16-le")),
    "Windows-1252": FileCase(lambda: PLAIN.replace("Adelie", "Ad\xe9lie").encode("cp1252")),
    "semicolons and decimal commas": FileCase(SEMICOLONS.encode),
    "tabs": FileCase(swapped(",", "\t")),
    "pipes": FileCase(swapped(",", "|")),
    "spaces": FileCase(swapped(",", "  ")),
    "sep line": FileCase(("sep=;\r\n" + SEMICOLONS.replace("\n", "\r\n")).encode),
    "title lines": FileCase(text("Penguins 2007-2009,,,,,,,", "", *PLAIN.splitlines()), says="line 3 has the names"),
    "comment lines": FileCase(text("# made by hand", *PLAIN.splitlines()), says="line 2 has the names"),
    "blank lines and empty rows": FileCase(text(HEADER, "", ROWS[0], "  ", ",,,,,,,", *ROWS[1:], ",,,,,,,")),
    "a delimiter too many": FileCase(text(HEADER, *(f"{row}," for row in ROWS))),
    "line break in quotes": FileCase(
        text(f"{HEADER},note", *(f'{row},"two\nlines"' for row in ROWS)), says="left out: note"
    ),
    "header with a line break": FileCase(
        text('species,"Body Mass\n(g)"', "Adelie,3750", "Gentoo,4500", "Chinstrap,3800")
    ),
    "an open quote": FileCase(text(HEADER, '"Adelie,Dream', *ROWS), bad=1, says="CSV is needed"),
    "a short row": FileCase(text(HEADER, "Adelie,Dream", *ROWS), bad=1, says="8 cells are needed, not 2"),
    "R's names of rows": FileCase(QUOTED.encode, good=2, masses=(3750.0, 4500.0)),
    "R's write.table": FileCase(lambda: QUOTED.replace(",", " ").encode(), good=2, masses=(3750.0, 4500.0)),
    "OpenML's ARFF": FileCase(
        text("@relation penguins", "@attribute species {Adelie,Gentoo,Chinstrap}", "@attribute 'body_mass_g' numeric",
             "@data", "Adelie,3750", "Gentoo,4500", "'Chinstrap',3800")
    ),
    "Vega's names": FileCase(
        text("Species,Beak Length (mm),Body Mass (g)", "Adelie,39.1,3750", "Gentoo,46.1,4500", "Chinstrap,49,3800")
    ),
    "kilograms in the header": FileCase(text("species,Body Mass (kg)", "A,3.75", "A,4.5", "A,3.8"), says="times 1000"),
    "centimetres in the header": FileCase(
        text("bill_length_cm,body_mass_g", "3.91,3750", "4.61,4500", "4.95,3800"), says="times 10"
    ),
    "pounds, said": FileCase(
        text("bill_length_mm,Weight", "39.1,8.26733", "40,9.92080", "41,8.37757"),
        options=("--map", "Weight=body_mass_g", "--unit", "Weight=lb"),
        masses=(3750.0, 4500.0, 3800.0),
    ),
    "kilograms without a word": FileCase(
        text("species,body_mass_g", "A,3.75", "A,4.5", "A,3.8"), good=0, bad=3, says="--unit 'body_mass_g=kg'"
    ),
    "centimetres without a word": FileCase(
        text("bill_length,body mass", "3.91,3750", "4.61,4500", "4.95,3800"), good=0, bad=3, says="--unit 'bill_length=cm'"
    ),
    "units in cells": FileCase(text("body_mass_g,bill_length_mm", "3750 g,39.1 mm", "4.5 kg,46", "3800g,4.95cm")),
    "thousands": FileCase(
        text("species,body_mass_g", 'A,"3,750"', 'A,"4,500"', 'A,"3,800"'), good=0, bad=3, says="--thousands ,"
    ),
    "thousands with spaces": FileCase(
        text("species,body_mass_g", "A,3 750", "A,4 500", "A,3 800"), good=0, bad=3, says="--thousands ' '"
    ),
    "thousands with points": FileCase(
        text("species;body_mass_g", "A;3.750", "A;4.500", "A;3.800"), good=0, bad=3, says="--thousands ."
    ),
    "an ambiguous decimal comma": FileCase(
        text("species,bill_length_mm,body_mass_g", 'A,"39,125",3750', 'A,"40,125",4500', 'A,"41,500",3800'),
        good=0, bad=3, says="--decimal ,",
    ),
    "formulas of text": FileCase(text("species,body_mass_g", 'A,"=""3750"""', 'A,="4500"', 'A,="3800"')),
    "a code for missing": FileCase(
        text("species,bill_length_mm,body_mass_g", "A,-9999,3750", "A,39,4500", "A,40,3800"),
        good=2, bad=1, says="--missing -9999", masses=(4500.0, 3800.0),
    ),
    "a likely code within the bounds": FileCase(
        text("species,bill_length_mm,body_mass_g", "A,99,3750", "A,39,4500", "A,40,3800"), says="--missing 99"
    ),
    "missing in every spelling": FileCase(
        text("species,bill_length_mm,sex,body_mass_g", "A,<NA>,(null),3750", "A,#DIV/0!,N.A.,4500", "A,\\N,--,3800")
    ),
    "words for a category": FileCase(
        text("species,sex,body_mass_g", "A, Male ,3750", "A,F,4500", "A,MALE.,3800")
    ),
    "an unknown category": FileCase(
        text("species,sex,body_mass_g", "A,hembra,1000", "A,m,3750", "A,f,4500", "A,m,3800"), bad=1, says='not "hembra"'
    ),
    "an unknown label": FileCase(text("species,body_mass_g", "X,3750", "X,4500", "X,3800"), says='"X"'),
    "a row of totals": FileCase(text(HEADER, *ROWS, "Total,,134.7,50.9,592,12050,,"), bad=1, says="sums up others"),
    "a row of means": FileCase(text(HEADER, *ROWS, "Mean,,44.9,17,197,4016,,"), bad=1, says="sums up others"),
    "a total among the categories": FileCase(text(HEADER, *ROWS, ",Total,134.7,50.9,592,12050,,"), bad=1, says=f'{SUMS}, not "Total"'),
    "a total beside a label": FileCase(text(HEADER, *ROWS, "Adelie total,,39.1,18.7,181,3750,,"), bad=1, says=SUMS),
    "a mean in a column of its own": FileCase(
        text("id,n,note,body_mass_g", "1,2,,3750", "2,2,,4500", "3,2,,3800", ",,Mean,4000"), bad=1, says=f'{SUMS}, not "Mean"'
    ),
    "a total in Russian": FileCase(text(HEADER, *ROWS, "\u0418\u0442\u043e\u0433\u043e:,,44.7,16.9,192,4050,,"), bad=1, says=SUMS),
    "totals without a word": FileCase(
        text(HEADER, *ROWS, ",,134.7,50.9,,12050,,"), bad=1, says="each of its numbers is the sum of those above"
    ),
    "means without a word": FileCase(
        text(HEADER, *ROWS, ",,44.9,16.97,197.33,4016.67,,"), bad=1, says="each of its numbers is the mean of those above"
    ),
    "totals below numbers alone": FileCase(
        text("bill_depth_mm,body_mass_g", "18.7,3750", "13.2,4500", "19,3800", "50.9,12050"), bad=1, says=SUMS
    ),
    "a file behind a file": FileCase(
        (PLAIN + "\ufeff" + PLAIN).encode, good=6, bad=1, says="the names of the columns once more", masses=(*MASSES, *MASSES)
    ),
    "a row of units": FileCase(text(HEADER, ",,mm,mm,mm,g,,", *ROWS), bad=1, says="a row of units is no reading"),
    "a row of types": FileCase(text("sex,body_mass_g", "<chr>,<dbl>", "m,3750", "f,4500", "m,3800"), bad=1, says="a row of types is no reading"),
    "a name too few": FileCase(
        text("bill_length_mm,body_mass_g", "39,1,3750", "40,2,4500", "41,5,3800"), good=0, bad=3, says="has 2 names, and each row 3 cells"
    ),
    "seventy lines of notes": FileCase(
        text(*(f"note {nth}" for nth in range(70)), *PLAIN.splitlines()), says="line 71 has the names"
    ),
    "a title above foreign names": FileCase(
        text("Ping\u00fcinos,,", "especie,largo_pico_mm,masa_g", "A,39,3750", "A,40,4500", "A,41,3800"), good=-1,
        says="--map 'largo_pico_mm=bill_length_mm' or",
    ),
    "a sep line that is wrong": FileCase(("sep=,\n" + PLAIN.replace(",", ";")).encode),
    "DOS' sign of the end": FileCase(lambda: PLAIN.encode() + b"\x1a"),
    "a lone carriage return": FileCase(
        (PLAIN + ROWS[0] + "\r" + ROWS[1] + "\n").encode, bad=1, says="a carriage return stands outside quotes"
    ),
    "numbers in single quotes": FileCase(text("species,body_mass_g", "'A','3750'", "'A','4500'", "A,'3800")),
    "thousands with a narrow space": FileCase(
        text("species,body_mass_g", "A,3\u202f750", "A,4\u00a0500", "A,3 800"), good=0, bad=3, says="--thousands ' '"
    ),
    "thousands and a unit": FileCase(
        text("species,body_mass_g", 'A,"3,750 g"', 'A,"4,500 g"', 'A,"3,800 g"'), good=0, bad=3, says="--thousands ,"
    ),
    "a header with the wrong unit": FileCase(
        text("species,Body Mass (kg)", "A,3750", "A,4500", "A,3800"), good=0, bad=3, says="--unit 'Body Mass (kg)=g'"
    ),
    "a formula": FileCase(text("body_mass_g", "=3000+750", "=4500", "3800"), good=2, bad=1, says="Save the file with its values", masses=(4500.0, 3800.0)),
    "a code in a category": FileCase(
        text("sex,body_mass_g", "9,1000", "m,3750", "f,4500", "m,3800"), bad=1, says="--missing 9", masses=(3750.0, 4500.0, 3800.0)
    ),
    "an apostrophe in a name": FileCase(
        text("penguin's mass,bill_length_mm", "3750,39", "4500,40", "3800,41"), good=-1, says="--map 'penguin'\"'\"'s mass=body_mass_g'"
    ),
    "colons": FileCase(swapped(",", ":"), good=-1, says="--delimiter ':'"),
    "names below names": FileCase(
        text("species,island,sex", "kind,place,body_mass_g", "A,x,3750", "A,x,4500", "A,x,3800"), good=-1, says="line 1 was taken for the header; --skip 1"
    ),
    "letters of DOS": FileCase(
        lambda: "K\u00f6rpermasse,bill_length_mm\n3750,39\n4500,40\n3800,41\n".encode("cp437"), good=-1,
        says="--encoding cp437", options=("--map", "K\u00f6rpermasse=body_mass_g"),
    ),
    "a web page in UTF-16": FileCase(lambda: "<!DOCTYPE html><html>".encode("utf-16"), good=-1, says="a web page (HTML)"),
    "a pointer of Git LFS": FileCase(text("version https://git-lfs.github.com/spec/v1", "oid sha256:1"), good=-1, says="git lfs pull"),
    "JSON below a comment": FileCase(text("// readings", '{"body_mass_g": 3750}'), good=-1, says="JSON is needed"),
    "a header and nothing": FileCase(text(HEADER), good=0, says="There is no row below the header"),
    "nothing": FileCase(lambda: b"", good=-1, says="a line with the names of the columns is needed"),
    "no header": FileCase(text(*ROWS), good=-1, says="the header holds values, and no names"),
    "a web page": FileCase(text("<!DOCTYPE html>", "<html></html>"), good=-1, says="a web page (HTML)"),
    "a PDF": FileCase(lambda: b"%PDF-1.7\n", good=-1, says="a PDF document"),
    "a pickle": FileCase(written(lambda one, file: one.to_pickle(file)), good=-1, says="a pickle of Python"),
    "an archive of two": FileCase(zipped(a=PLAIN, b=PLAIN), good=-1, says="an archive of one file is needed, not of 2"),
    "Spanish": FileCase(
        text("especie,masa", "A,3750", "A,4500", "A,3800"), good=-1, says="--map 'COLUMN=bill_length_mm'"
    ),
    "a column that may be one": FileCase(
        text("bill_length_mm,Weight", "39,3750", "40,4500", "41,3800"), good=-1, says="--map 'Weight=body_mass_g'"
    ),
    "two columns of one name": FileCase(
        text("body_mass_g,bill_length_mm,bill_length_mm", "3750,39,40", "4500,39,40", "3800,39,40"),
        good=-1, says="--map 'bill_length_mm.1='",
    ),
    "a day for a time": FileCase(
        text("body_mass_g,observed_at", "3750,20071111"), good=0, bad=1, says="a time by RFC 3339"
    ),
    "gzip": FileCase(lambda: gzip.compress(PLAIN.encode())),
    "bzip2": FileCase(lambda: bz2.compress(PLAIN.encode())),
    "xz": FileCase(lambda: lzma.compress(PLAIN.encode())),
    "Zstandard": FileCase(lambda: zstandard.compress(PLAIN.encode())),
    "zip": FileCase(zipped(a=PLAIN)),
    "cut gzip": FileCase(lambda: gzip.compress(PLAIN.encode())[:-12], good=-1, says="it is damaged"),
    "cut bzip2": FileCase(lambda: bz2.compress(PLAIN.encode())[:-12], good=-1, says="it is damaged"),
    "xlsx": FileCase(written(lambda one, file: one.to_excel(file, index=False))),
    "xlsx with titles": FileCase(sheet(*TITLES), says="line 4 has the names"),
    "xlsx with a total": FileCase(sheet(below=TOTAL), bad=1, says=f'{SUMS}, not "Total"'),
    "xlsx with titles, a total and means": FileCase(sheet(*TITLES, below=((), *TOTAL, *MEANS)), bad=2, says=SUMS),
    "xls with titles and a total": FileCase(converted("xls", sheet(*TITLES, below=TOTAL)), bad=1, says=SUMS),
    "ods with titles and a total": FileCase(ods(*TITLES), bad=1, says=f'{SUMS}, not "Total"'),
    "xlsx of several sheets": FileCase(sheet(Notes=(("x",),)), says="--sheet 'Notes' reads another"),
    "xlsx with the readings in another sheet": FileCase(
        sheets(Old=[CELLS[0], ["A", *[None] * 7]], Data=CELLS), good=0, bad=1, says="--sheet 'Data' reads another"
    ),
    "xlsx with a header alone in another sheet": FileCase(sheets(Template=CELLS[:1], Data=CELLS), says="sheet Data was read"),
    "a damaged xlsx": FileCase(
        lambda: written(lambda one, file: one.to_excel(file, index=False))()[:2000], good=-1, says="it is"
    ),
    "Parquet": FileCase(written(lambda one, file: one.to_parquet(file))),
    "Parquet in gzip": FileCase(lambda: gzip.compress(written(lambda one, file: one.to_parquet(file))())),
    "a cut Parquet": FileCase(
        lambda: written(lambda one, file: one.to_parquet(file))()[:-9], good=-1, says="it is damaged"
    ),
    "Feather": FileCase(written(lambda one, file: one.to_feather(file))),
    "an Arrow stream": FileCase(ipc(pa.ipc.new_stream)),
    "an Arrow file": FileCase(ipc(pa.ipc.new_file)),
    "NDJSON": FileCase(text(*map(json.dumps, OBJECTS), encoding="utf-8-sig", end="\r\n")),
    "a JSON array": FileCase(text(json.dumps(OBJECTS, indent=1))),
    "pandas' columns in JSON": FileCase(lambda: frame().to_json().encode()),
    "pandas' split in JSON": FileCase(lambda: frame().to_json(orient="split").encode()),
    "wrapped in data": FileCase(text(json.dumps({"data": OBJECTS}))),
    "JSON cut short": FileCase(text("[", json.dumps(OBJECTS[0])), good=-1, says="a comma or the end of the array"),
    "a line of JSON that is none": FileCase(
        text(json.dumps(OBJECTS[0]), "{"), good=-1, says="line 2: JSON is needed"
    ),
}  # fmt: skip
