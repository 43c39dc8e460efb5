"""Files as people have them, each made here: how many of its rows are readings, or the sentence that helps."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa
import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER: Final = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
ROWS: Final = (
    "Adelie,Torgersen,39.1,18.7,181,3750,male,2007",
    "Gentoo,Biscoe,46.1,13.2,211,4500,female,2008",
    "Chinstrap,Dream,49.5,19,200,3800,male,2008",
)
PLAIN: Final = "\n".join([HEADER, *ROWS]) + "\n"
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
