"""The data file: read as it is, or refused with every reason."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from rookery.schemas.contract.default import default_contract
from rookery.training.tables.data import TrainingData, training_data
from rookery.training.tables.source_table import TrainingDataError, read_csv

DATA = Path(__file__).parents[2] / "data" / "penguins.csv"
HEADER, *ROWS = DATA.read_text().splitlines()


def read(path: Path) -> TrainingData:
    return training_data(read_csv(path), default_contract())


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "penguins.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_known_penguins_are_read_with_gaps_as_nan() -> None:
    """Rows without any measurement are left out and counted; eleven sexes minus those two stay missing."""
    penguins = read(DATA)
    assert (len(penguins), penguins.left_out) == (342, 2)
    assert np.bincount(penguins.labels).tolist() == [151, 68, 123]
    assert int(np.isnan(penguins.matrix).sum()) == 9
    assert penguins.digest == hashlib.sha256(DATA.read_bytes()).hexdigest()


def test_columns_may_stand_in_any_order_beside_others(tmp_path: Path) -> None:
    """Columns are found by their names; what is not ours is ignored."""
    turned = [",".join(["note", *reversed(line.split(","))]) for line in [HEADER, *ROWS]]
    assert np.array_equal(read(written(tmp_path, *turned)).matrix, read(DATA).matrix, equal_nan=True)


@pytest.mark.parametrize(
    ("lines", "reasons"),
    [
        ((), ["column species is needed", "column bill_length_mm is needed", "column island is needed"]),
        ((HEADER,), ["10 readings of Adelie are needed, the file has 0"]),
        ((HEADER.replace("sex", "gender"), *ROWS), ["column sex is needed"]),
        ((HEADER + ",sex", *(f"{row},male" for row in ROWS)), ["column sex is needed, once"]),
        ((HEADER, *ROWS, "Adelie,Dream,39"), ["line 346: 8 cells are needed, this row has 3"]),
        ((HEADER, "Emperor,Dream,39,18,190,3700,male,2007", *ROWS), ["line 2: species: one of Adelie"]),
        ((HEADER, "Emperor,NA,NA,NA,NA,NA,NA,NA", *ROWS), ["line 2: species: one of Adelie"]),
        (
            (HEADER, "Adelie,Mars,x,0,190,3700,male,2007.5", *ROWS),
            ["line 2: bill_length_mm", "line 2: bill_depth_mm", "line 2: year", "line 2: island"],
        ),
        ((HEADER, "Adelie,Dream,nan,18,190,3700,male,2007", *ROWS), ["line 2: bill_length_mm"]),
        ((HEADER, *ROWS[:152], '"'), ["it is no CSV"]),
        ((HEADER, *ROWS[:160]), ["readings of Gentoo are needed, the file has 8", "Chinstrap"]),
    ],
)
def test_a_bad_file_is_refused_with_every_reason(
    tmp_path: Path, lines: tuple[str, ...], reasons: list[str]
) -> None:
    """Missing columns, short rows, unknown species, impossible cells and too few penguins are each named, with their line."""
    with pytest.raises(TrainingDataError) as refused:
        read(written(tmp_path, *lines))
    assert [reason for reason in reasons if reason not in "\n".join(refused.value.reasons)] == []


def test_a_file_of_errors_is_summed_up(tmp_path: Path) -> None:
    """The message shows ten reasons and counts the others; the error carries all."""
    with pytest.raises(TrainingDataError, match="and 20 more") as refused:
        read(written(tmp_path, HEADER, *["Emperor,Dream,39,18,190,3700,male,2007"] * 30))
    assert len(refused.value.reasons) == 30


def test_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    """A reading whose label is unknown teaches nothing, and is counted."""
    path = written(
        tmp_path, HEADER, *ROWS, ",Dream,39,18,190,3700,male,2007", "NA,Dream,39,18,190,3700,male,2007"
    )
    assert (len(read(path)), read(path).left_out) == (342, 4)


def test_other_delimiters_cases_and_spellings_are_read(tmp_path: Path) -> None:
    """Semicolons or tabs, headers in another case, and spellings of a category that the contract knows give the same readings."""
    for delimiter in ";\t|":
        turned = [line.replace(",", delimiter) for line in [HEADER.upper(), *ROWS]]
        turned = [line.replace(f"{delimiter}male", f"{delimiter}M") for line in turned]
        assert np.array_equal(read(written(tmp_path, *turned)).matrix, read(DATA).matrix, equal_nan=True)


@pytest.mark.parametrize("raw", [None, b"species,\xff\xfe"])
def test_what_is_no_text_is_refused(tmp_path: Path, raw: bytes | None) -> None:
    """A file that is absent or no UTF-8 is a clear error too."""
    path = tmp_path / "penguins.csv"
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(TrainingDataError, match="cannot be trained on"):
        read(path)
