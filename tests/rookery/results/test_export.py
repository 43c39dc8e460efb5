"""Exports: CSV, spreadsheet and Parquet with the same columns, as the ending of the name says."""

from __future__ import annotations

import csv
import re
import stat
from typing import TYPE_CHECKING

import openpyxl
import pytest
from pyarrow import parquet

from rookery.errors import UserError
from rookery.results.export import ExportColumns, export
from rookery.results.id_set import Labels
from rookery.results.query import SelectedPredictions
from rookery.schemas.output.spreadsheet import unguarded
from tests.rookery.results.stored_results import NOON, prediction, written

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = (*ExportColumns("species", ("Adelie", "Chinstrap", "Gentoo")).readers, "known_species")


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    """Both have every column, each reading once, times with their zone, and the label where there is one."""
    lines = [prediction("f-0", row=3, missing=("sex", "year")), prediction("b", observed_at=NOON)]
    root, labels = written(tmp_path / "in", lines, lines), Labels([("f-0", "Gentoo")])
    for name in ("out.csv", "out.parquet"):
        assert export(SelectedPredictions(str(root)), tmp_path / name, labels=labels) == 2
    with (tmp_path / "out.csv").open() as file:
        from_csv = list(csv.DictReader(file))
    table = parquet.read_table(tmp_path / "out.parquet")
    assert tuple(table.column_names) == COLUMNS == tuple(from_csv[0])
    assert [each["reading_id"] for each in from_csv] == table.column("reading_id").to_pylist() == ["f-0", "b"]
    assert (from_csv[0]["missing"], from_csv[0]["known_species"]) == ("sex|year", "Gentoo")
    assert table.column("predicted_at").to_pylist() == [NOON, NOON]
    assert from_csv[1]["observed_at"] == NOON.isoformat()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.csv", "out.parquet"]


def test_an_export_is_what_its_name_says_or_is_refused(tmp_path: Path) -> None:
    """A spreadsheet holds the cells of the CSV; an unknown ending writes nothing, with exit code 2."""
    root = written(tmp_path / "in", [prediction("=1+1", row=3), prediction("b", observed_at=NOON)])
    for name in ("out.csv", "out.xlsx"):
        assert export(SelectedPredictions(str(root)), tmp_path / name, labels=Labels()) == 2
    header, *rows = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0].iter_rows()
    assert tuple(cell.value for cell in header) == COLUMNS
    assert (rows[0][0].value, rows[0][0].data_type, rows[0][2].value) == ("=1+1", "s", 3)
    assert rows[1][COLUMNS.index("observed_at")].value == NOON.isoformat()
    for name in ("out.xls", "out.csv.gz", "out"):
        with pytest.raises(UserError, match=r"ends in \.csv, \.xlsx or \.parquet is needed") as refused:
            export(SelectedPredictions(str(root)), tmp_path / name, labels=Labels())
        assert refused.value.code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.csv", "out.xlsx"]


def test_no_cell_of_an_export_is_a_formula(tmp_path: Path) -> None:
    """Texts of readings are texts to a spreadsheet, numbers are numbers, and Parquet holds every text as it is."""
    texts = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "a\r=1", "-1.5", "plain"]
    lines = [
        prediction(f"{text}-{nth}", text, device_id=text, model=text, message_id=text, missing=(text,))
        for nth, text in enumerate(texts)
    ]
    root, labels = written(tmp_path / "in", lines), Labels([("plain-8", "=1+1")])
    for name in ("out.csv", "out.parquet"):
        assert export(SelectedPredictions(str(root)), tmp_path / name, labels=labels) == len(texts)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    cells = [cell for row in rows for cell in row]
    assert [cell for cell in cells if re.match(r"\s*[=+@-]|[\t\r]", cell) and cell != "-1.5"] == []
    place = COLUMNS.index("device_id")
    assert [unguarded(row[place]) for row in rows] == texts
    assert rows[0][place] == "'=1+1"
    assert rows[0][COLUMNS.index("probability")] == "0.9"
    assert parquet.read_table(tmp_path / "out.parquet").column("device_id").to_pylist() == texts


@pytest.mark.parametrize(("chosen", "mode"), [("", 0o600), ("0640", 0o640)])
def test_an_export_is_its_users_alone_or_as_it_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str, mode: int
) -> None:
    """CSV, spreadsheet and Parquet alike; ROOKERY_FILE_MODE lets others read them."""
    monkeypatch.setenv("ROOKERY_FILE_MODE", chosen)
    root = written(tmp_path / "in", [prediction("a")])
    for name in ("out.csv", "out.xlsx", "out.parquet"):
        export(SelectedPredictions(str(root)), tmp_path / name, labels=Labels())
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode


def test_labels_that_differ_by_capitals_alone_have_columns_of_their_own() -> None:
    """A probability is exported for each label, also where small letters would make two labels one."""
    readers = ExportColumns("verdict", ("A", "a")).readers
    assert [name for name in readers if name.startswith("probability_")] == ["probability_A", "probability_a"]
