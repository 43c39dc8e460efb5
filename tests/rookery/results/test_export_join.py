"""results export --join: a published file comes back with the predictions of its rows; --file selects them."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from rookery.cli import app
from rookery.errors import UserError
from rookery.results.export_join import UNPREDICTED
from rookery.results.published_file import published_rows
from rookery.schemas.prediction import Prediction

if TYPE_CHECKING:
    from pathlib import Path

FILE = """note,ring,bill_length_mm,sex
=1+1,1234567890123456,39.1,male
-5,007,46.5,female

,008,0.001,male
x,009,50.0,
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of five rows: one blank, one that cannot be a reading."""
    (tmp_path / "in.csv").write_text(FILE)
    return tmp_path / "in.csv"


def predictions(folder: Path, *names: str) -> Path:
    folder.mkdir()
    lines = [
        Prediction(
            reading_id=name,
            message_id="1",
            species="Gentoo",
            probability=0.9,
            probabilities={"Adelie": 0.1, "Gentoo": 0.9},
            out_of_distribution=nth % 2 == 1,
            model="m",
            predicted_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
        )
        for nth, name in enumerate(names)
    ]
    (folder / "1.ndjson").write_text("".join(f"{each.model_dump_json()}\n" for each in lines))
    return folder


def export(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["results", "export", *map(str, arguments)])


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".parquet"])
def test_a_published_file_comes_back_with_its_predictions(ending: str, file: Path, tmp_path: Path) -> None:
    """Every row in its order and every column, the answer by the row's identity, and a reason where there is none."""
    names = [row.reading_id for row in published_rows(file)]
    folder = predictions(tmp_path / "out", "another", names[3], names[0], names[0])
    out = tmp_path / f"joined{ending}"
    done = export(folder, "--join", file, "--out", out)
    assert (
        done.exit_code,
        "4 rows" in done.output,
        "2 with a prediction, 2 with a reason" in done.output,
    ) == (0, True, True)
    if ending == ".csv":
        frame = pd.read_csv(out, dtype=str, keep_default_na=False)
    else:
        frame = (
            pd.read_excel(out, engine="openpyxl", dtype=object) if ending == ".xlsx" else pd.read_parquet(out)
        )
        frame = frame.astype(object)
        frame = frame.where(frame.notna(), "").astype(str)
    assert list(frame.columns) == [
        "note", "ring", "bill_length_mm", "sex", "species", "probability", "out_of_distribution", "reason"
    ]  # fmt: skip
    assert frame["ring"].str.removeprefix("'").tolist() == ["1234567890123456", "007", "008", "009"]
    assert frame["note"].tolist()[0] == ("'=1+1" if ending == ".csv" else "=1+1")
    assert frame["note"].tolist()[1] == "-5"
    assert frame["species"].tolist() == ["Gentoo", "", "", "Gentoo"]
    assert frame["probability"].tolist() == ["0.9", "", "", "0.9"]
    assert [each.lower() for each in frame["out_of_distribution"]] == ["false", "", "", "true"]
    assert frame["reason"].tolist()[1] == UNPREDICTED
    assert "bill_length_mm: at least" in frame["reason"].tolist()[2]


def test_the_readings_of_a_file_are_exported_alone(file: Path, tmp_path: Path) -> None:
    """`--file` leaves out what other sources sent; a prefix gives the rows other identities."""
    (first, *_) = (row.reading_id for row in published_rows(file))
    folder = predictions(tmp_path / "out", "another", first, f"june-{first}")
    for more, found in (((), first), (("--id-prefix", "june"), f"june-{first}")):
        assert "1 readings in" in export(folder, "--file", file, "--out", tmp_path / "out.csv", *more).output
        with (tmp_path / "out.csv").open() as written:
            assert [row["reading_id"] for row in csv.DictReader(written)] == [found]


def test_what_cannot_be_joined_is_one_sentence(file: Path, tmp_path: Path) -> None:
    """An unknown ending, a file that is none, the file itself as output; and exit code 1 where no row was predicted."""
    folder = predictions(tmp_path / "out", "another")
    for arguments, said in (
        (("--join", file, "--out", tmp_path / "out.xls"), "a name that ends in .csv, .xlsx or .parquet"),
        (("--join", tmp_path / "none.csv", "--out", tmp_path / "out.csv"), "No such file"),
        (("--file", tmp_path / "none.csv", "--out", tmp_path / "out.csv"), "No such file"),
        (("--join", file, "--out", file), "the file that is read"),
    ):
        done = export(folder, *arguments)
        assert isinstance(done.exception, UserError), done.output
        assert done.exception.code == 2
        assert said in str(done.exception)
    assert file.read_text() == FILE
    assert export(folder, "--join", file, "--out", tmp_path / "out.csv").exit_code == 1
