"""rookery classify: a table comes back whole, with its predictions, and no cell of it harms anyone."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

import rookery
from rookery.cli import app
from rookery.errors import UserError
from rookery.frames.classification import classify_file
from rookery.frames.errors import BadTableError

PENGUINS = Path(__file__).parents[3] / "data" / "penguins.csv"
LONG_ID = "1234567890123456"
HOSTILE = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")']


def cells_of(path: Path) -> list[list[Any]]:
    """Every row of a table, its header first."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [list(row) for row in csv.reader(file)]
    if path.suffix == ".xlsx":
        return [list(row) for row in openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)]
    table = parquet.read_table(path)
    return [table.column_names, *map(list, zip(*(each.to_pylist() for each in table.columns), strict=True))]


def plain(row: list[Any]) -> list[str]:
    """The cells of a row as text, numbers by their value."""
    return ["" if pd.isna(cell) else re.sub(r"[.]0$", "", str(cell)) for cell in row]


def sheet(path: Path, rows: list[list[Any]]) -> Path:
    """Write a spreadsheet as a program would, each text a text."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
        for cell in book.active[book.active.max_row]:
            if isinstance(cell.value, str):
                cell.data_type = "s"
    book.save(path)
    return path


_ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" office:version="1.2"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
<office:body><office:spreadsheet><table:table table:name="one">{rows}</table:table><table:table table:name="two"/>
</office:spreadsheet></office:body></office:document-content>"""


def open_document(path: Path, rows: list[list[Any]]) -> Path:
    """Write a spreadsheet of the OpenDocument format: texts, numbers, days, and cells without a value."""

    def cell(value: Any) -> str:
        if value is None:
            return "<table:table-cell/>"
        kind, name = {date: ("date", "date-value"), float: ("float", "value"), int: ("float", "value")}.get(
            type(value), ("string", "")
        )
        said = f' office:{name}="{value}"' if name else ""
        return (
            f'<table:table-cell office:value-type="{kind}"{said}><text:p>{value}</text:p></table:table-cell>'
        )

    made = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("content.xml", _ODS.format(rows=made))
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>',
        )
    return path


def refused(*arguments: object) -> str:
    """The sentence that a command ends with; its exit code is 2."""
    outcome = CliRunner().invoke(app, ["classify", *map(str, arguments)])
    assert isinstance(outcome.exception, UserError), outcome.output
    assert outcome.exception.code == 2
    return str(outcome.exception)


@pytest.mark.parametrize("first", [".csv", ".xlsx", ".parquet"])
@pytest.mark.parametrize("second", [".csv", ".xlsx", ".parquet"])
def test_a_table_comes_back_with_its_rows_and_columns_first(first: str, second: str, tmp_path: Path) -> None:
    """From each form to each: the table's own columns are unchanged, the answers behind them are those of `predict`."""
    frame = pd.read_csv(PENGUINS).head(60)
    source = tmp_path / f"in{first}"
    if first == ".csv":
        frame.to_csv(source, index=False)
    elif first == ".xlsx":
        sheet(
            source,
            [list(frame.columns), *frame.astype(object).where(frame.notna(), None).to_numpy().tolist()],
        )
    else:
        frame.to_parquet(source, index=False)
    out = tmp_path / f"out{second}"
    done = classify_file(source, out)
    assert done.added == ("predicted_species", "probability", "out_of_distribution", "reason")
    header, *rows = cells_of(out)
    assert header == [*frame.columns, *done.added]
    expected = pd.concat(
        [frame, rookery.predict(frame)[["species", "probability", "out_of_distribution"]]], axis=1
    )
    assert [plain(row[:-1]) for row in rows] == [
        plain(row) for row in expected.astype(object).to_numpy().tolist()
    ]
    assert (done.rows, done.rejected) == (60, 1)
    assert [nth for nth, row in enumerate(rows) if row[-1]] == [3]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, out.name])


def test_tabs_and_an_open_document_are_read_too(tmp_path: Path) -> None:
    """Tables of .tsv, .txt and .ods come back as .csv with commas, with their days, their ids and the answers of their numbers."""
    rows = [["day", "ring", "bill_length_mm"], [date(2007, 11, 11), LONG_ID, 39.1], [None, "007", None]]
    (tmp_path / "in.tsv").write_text("\n".join("\t".join(map(str, row)) for row in rows[:2]) + "\n\t007\t\n")
    shutil.copy(tmp_path / "in.tsv", tmp_path / "in.txt")
    open_document(tmp_path / "in.ods", rows)
    for kind in (".tsv", ".txt", ".ods"):
        done = classify_file(tmp_path / f"in{kind}", tmp_path / "out.csv")
        assert (done.rows, done.rejected, done.left_out) == (2, 1, int(kind == ".ods")), kind
        header, first, second = cells_of(tmp_path / "out.csv")
        assert header[:4] == ["day", "ring", "bill_length_mm", "species"]
        assert first[:4] == ["2007-11-11", LONG_ID, "39.1", "Adelie"]
        assert second[:4] == ["", "007", "", ""]
    (tmp_path / "damaged.ods").write_bytes(b"PK\x03\x04 damaged")
    assert "damaged.ods is no spreadsheet" in refused(tmp_path / "damaged.ods", "--out", tmp_path / "out.csv")


def test_a_parquet_file_keeps_its_types_and_its_metadata(tmp_path: Path) -> None:
    """Columns of a Parquet file that comes back as one are the same Arrow columns."""
    table = pa.table(
        {
            "bill_length_mm": pa.array([39.1, None], pa.float32()),
            "tag": pa.array([int(LONG_ID), 7], pa.int64()),
            "tags": pa.array([["a"], None], pa.list_(pa.string())),
            "island": pa.array(["Biscoe", "Dream"]).dictionary_encode(),
        }
    ).replace_schema_metadata({"made": "by hand"})
    parquet.write_table(table, tmp_path / "in.parquet")
    classify_file(tmp_path / "in.parquet", tmp_path / "out.parquet")
    back = parquet.read_table(tmp_path / "out.parquet")
    assert back.select(table.column_names).equals(parquet.read_table(tmp_path / "in.parquet"))
    assert back.schema.metadata[b"made"] == b"by hand"
    assert back.column("species").to_pylist()[1] is None


@pytest.mark.parametrize("kind", [".csv", ".xlsx"])
@pytest.mark.parametrize("made", [".csv", ".xlsx"])
def test_no_spreadsheet_runs_a_cell(kind: str, made: str, tmp_path: Path) -> None:
    """A text that begins as a formula does is written as a text: quoted in .csv, typed as a string in .xlsx."""
    source, out = tmp_path / f"in{kind}", tmp_path / f"out{made}"
    rows = [["note", "bill_length_mm"], *([text, 39.1] for text in HOSTILE)]
    if kind == ".csv":
        with source.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    else:
        sheet(source, rows)
    assert classify_file(source, out).rejected == 0
    if made == ".csv":
        assert [row[0] for row in cells_of(out)[1:]] == [f"'{text}" for text in HOSTILE]
        return
    for cell, text in zip(openpyxl.load_workbook(out).worksheets[0]["A"][1:], HOSTILE, strict=True):
        assert (cell.value, cell.data_type) == (text, "s")
        assert cell.quotePrefix or text.startswith("\t")
    with zipfile.ZipFile(out) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize("kind", [".csv", ".xlsx"])
@pytest.mark.parametrize("made", [".csv", ".xlsx", ".parquet"])
def test_an_id_of_sixteen_digits_survives(kind: str, made: str, tmp_path: Path) -> None:
    """Ids are texts wherever a spreadsheet would round them or cut a zero; days and numbers stay such."""
    source, out = tmp_path / f"in{kind}", tmp_path / f"out{made}"
    rows = [["ring", "code", "day", "bill_length_mm"], [LONG_ID, "007", "2007-11-11", 39.1]]
    if kind == ".csv":
        with source.open("w", newline="") as file:
            csv.writer(file, delimiter=";").writerows(rows)
    else:
        sheet(source, [rows[0], [int(LONG_ID), "007", date(2007, 11, 11), 39.1]])
    classify_file(source, out)
    if made == ".csv":
        line = out.read_text().splitlines()[1].replace(";", ",")
        assert line.startswith(f"{LONG_ID},007,2007-11-11,39.1,Adelie,")
        return
    ring, code, day, length, *_ = cells_of(out)[1]
    assert str(ring) == LONG_ID
    assert isinstance(ring, str) or made == ".parquet"
    assert (code, str(day)[:10], length) == ("007", "2007-11-11", 39.1)


def test_a_spreadsheet_s_oddities_are_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    """Blank rows, errors and other sheets are read past; a formula counts by its saved value, and needs one."""
    book = openpyxl.Workbook()
    for row in ([None], ["Culmen Length (mm)", "Sex"], [None], [39.1, "#N/A"], [True, "male"]):
        book.active.append(row)
    book.create_sheet("others")
    book.save(tmp_path / "odd.xlsx")
    done = classify_file(tmp_path / "odd.xlsx", tmp_path / "out.csv")
    assert (done.rows, done.rejected, done.left_out) == (2, 1, 1)
    assert "a number is needed, not true" in cells_of(tmp_path / "out.csv")[2][-1]
    book.active.append(["=39+0.1", "male"])
    book.save(tmp_path / "formula.xlsx")
    with pytest.raises(BadTableError, match="cell A6: the formula has no saved value"):
        classify_file(tmp_path / "formula.xlsx", tmp_path / "out.csv")


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 99, b"PK\x03\x04 damaged", b"PAR1 damaged PAR1", b'a,b\n"', b"\xff\xfea"]
)
@pytest.mark.parametrize("kind", [".csv", ".xlsx", ".parquet"])
def test_no_file_ends_in_a_traceback_and_none_is_left_half(kind: str, content: bytes, tmp_path: Path) -> None:
    """A file that is no table is refused with one sentence and exit code 2, and what stood in OUT stays."""
    source, out = tmp_path / f"in{kind}", tmp_path / "out.csv"
    source.write_bytes(content)
    out.write_text("as it was")
    assert source.name in refused(source, "--out", out)
    assert out.read_text() == "as it was"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_name_or_a_row_that_cannot_be_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    """An unknown ending, a missing file, the input as output, an uneven row, an unclear column: one sentence each."""
    source = tmp_path / "in.csv"
    source.write_text("bill_length_mm,beak\n39.1,18\n")
    assert "a name that ends in .csv, .xlsx or .parquet is needed" in refused(
        PENGUINS, "--out", tmp_path / "out.xls"
    )
    assert "a name that ends in" in refused(tmp_path / "in.doc", "--out", tmp_path / "out.csv")
    assert "No such file" in refused(tmp_path / "none.csv", "--out", tmp_path / "out.csv")
    assert "the file that is read" in refused(source, "--out", source, "--map", "beak=")
    assert "--map 'beak=bill_depth_mm'" in refused(source, "--out", tmp_path / "out.csv")
    assert f"{tmp_path}/no/out.csv" in refused(PENGUINS, "--out", tmp_path / "no" / "out.csv")
    assert "model" in refused(PENGUINS, "--out", tmp_path / "out.csv", "--model", PENGUINS)
    source.write_text("bill_length_mm,note\n39.1\n")
    assert "in.csv, line 2: 2 cells are needed" in refused(source, "--out", tmp_path / "out.csv")
    source.write_text(f"bill_length_mm,note\n39.1,{'x' * 40_000}\n")
    assert "holds 32767 characters" in refused(source, "--out", tmp_path / "out.xlsx")


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    """Exit code 0 with the counts where rows were classified, 1 where none was; the file is there in both cases."""
    good = CliRunner().invoke(app, ["classify", str(PENGUINS), "--out", str(tmp_path / "out.csv")])
    assert (good.exit_code, "342 classified, 2 with a reason" in good.output) == (0, True)
    (tmp_path / "in.csv").write_text("bill_length_mm\nx\n")
    none = CliRunner().invoke(app, ["classify", str(tmp_path / "in.csv"), "--out", str(tmp_path / "bad.csv")])
    assert none.exit_code == 1
    assert "a number is needed" in (tmp_path / "bad.csv").read_text()


def test_a_classified_spreadsheet_opens_in_libreoffice(tmp_path: Path) -> None:
    """LibreOffice reads the classified sheet, hostile texts and all, and shows the same cells."""
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("LibreOffice is not on this machine: apt-get install libreoffice-calc")
    rows = [
        [text, int(LONG_ID), "007", date(2007, 11, 11), -1.5, 39.1] for text in HOSTILE if text[0] != "\t"
    ]
    sheet(tmp_path / "in.xlsx", [["note", "ring", "code", "day", "change", "bill_length_mm"], *rows])
    classify_file(tmp_path / "in.xlsx", tmp_path / "out.xlsx")
    command = [
        office,
        "--headless",
        f"-env:UserInstallation=file://{tmp_path}/profile",
        "--convert-to",
        "csv",
    ]
    subprocess.run([*command, "--outdir", str(tmp_path), str(tmp_path / "out.xlsx")], check=True)
    header, *shown = cells_of(tmp_path / "out.csv")
    assert header[:7] == ["note", "ring", "code", "day", "change", "bill_length_mm", "species"]
    assert [row[:7] for row in shown] == [
        [row[0], LONG_ID, "007", "2007-11-11", "-1.5", "39.1", "Adelie"] for row in rows
    ]
