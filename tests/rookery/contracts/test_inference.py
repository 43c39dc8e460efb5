"""Inference: the contract of a table, and a sentence about each column that is no feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rookery.contracts.description import as_json
from rookery.contracts.inference import InferredContract, bounds, infer
from rookery.contracts.table_file import read_table
from rookery.schemas.contract.contract import read_contract
from rookery.training.tables.source_table import TrainingDataError

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 40
COLUMNS = {
    "length (cm)": lambda row: f"{row / 7:.3f}",
    "charge": lambda row: f"{-1.5e-3 * row:e}",
    "count": lambda row: row % 5,
    "open": lambda row: ("true", "False")[row % 2],
    "colour": lambda row: ("red", "null", "yes")[row % 3],
    "gaps": lambda row: ("", "NA", "0", "7")[row % 4],
    "serial": lambda row: f"X{row:04d}",
    "Id": lambda row: row + 1,
    "reading_id": lambda row: f"r{row}",
    "nothing": lambda _: "",
    "constant": lambda _: 3.25,
    "verdict": lambda row: ("no", "yes", "null")[row % 3],
}


def table(tmp_path: Path, columns: dict[str, object] = COLUMNS) -> Path:
    path = tmp_path / "made.csv"
    lines = [",".join(columns), *(",".join(str(of(row)) for of in columns.values()) for row in range(ROWS))]
    path.write_text("\n".join(lines) + "\n")
    return path


def inferred(path: Path, label: str = "verdict") -> InferredContract:
    return infer(read_table(path), label, name=path.stem)


def test_kinds_categories_and_labels_are_recognised(tmp_path: Path) -> None:
    """Numbers, whole numbers, flags and words differ by their cells, `null` and `yes` being words like others."""
    contract = inferred(table(tmp_path)).contract
    assert {each.name: each.kind for each in contract.features} == {
        "length (cm)": "number",
        "charge": "number",
        "count": "integer",
        "open": "flag",
        "colour": "category",
        "gaps": "integer",
        "constant": "number",
    }
    assert contract.feature("colour").categories == ("null", "red", "yes")
    assert (contract.target, contract.labels) == ("verdict", ("no", "null", "yes"))
    assert contract.at_least_one_of == (contract.names,)


def test_a_column_that_is_no_feature_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    """Texts that differ nearly everywhere, row numbers, identity fields and empty columns teach nothing."""
    notes = "\n".join(inferred(table(tmp_path)).notes)
    for said in (
        "column serial is left out: it has 40 different texts in 40 rows",
        "column Id is left out: it numbers the rows",
        "column reading_id is left out: it says which reading it is",
        "column nothing is left out: it has no values",
    ):
        assert said in notes


def test_bounds_are_ten_widths_beyond_the_known_values() -> None:
    """They are rounded outward to two digits; a constant has none, and whole numbers have whole ones."""
    assert bounds([1.0, 2.0], whole=False) == (-9.0, 12.0)
    assert bounds([-0.0123, 0.0456], whole=False) == (-0.6, 0.63)
    assert bounds([0, 3], whole=True) == (-30.0, 33.0)
    assert bounds([5.0, 5.0], whole=False) == (None, None)
    assert bounds([-3e38, 3e38], whole=False) == (None, None)
    least, most = bounds([1e15, 2**53], whole=True)
    assert (least is not None and least >= -(2**53), most) == (True, 2**53)


def test_numbers_as_labels_keep_their_text_and_their_order(tmp_path: Path) -> None:
    """`10` follows `9`, and a column name that is no name of a column in BigQuery becomes one, its own an alias."""
    path = table(tmp_path, {"x": lambda row: row / 3, "class of 9": lambda row: 8 + row % 3})
    contract = inferred(path, "class of 9").contract
    assert contract.labels == ("8", "9", "10")
    assert (contract.target, contract.target_aliases) == ("class_of_9", ("class of 9",))
    assert (
        inferred(
            table(tmp_path, {"x": lambda row: row, "model": lambda row: row % 2}), "model"
        ).contract.target
        == "predicted_model"
    )


def test_the_json_is_read_as_the_same_contract(tmp_path: Path) -> None:
    """A person edits it, and it is read back whole."""
    contract = inferred(table(tmp_path)).contract
    assert read_contract(as_json(contract), source="it") == contract


@pytest.mark.parametrize("ending", [".xlsx", ".parquet"])
def test_tables_with_types_are_read_as_texts_are(tmp_path: Path, ending: str) -> None:
    """A spreadsheet and a Parquet file of the same readings have the same features."""
    pandas = pytest.importorskip("pandas")
    csv = table(tmp_path)
    frame = pandas.read_csv(csv, keep_default_na=False, na_values=["", "NA"])
    path = tmp_path / f"made{ending}"
    (frame.to_excel if ending == ".xlsx" else frame.to_parquet)(path, index=False)
    kinds = {each.name: each.kind for each in inferred(path).contract.features}
    # Whole numbers with gaps are floats to pandas.
    assert kinds == {each.name: each.kind for each in inferred(csv).contract.features} | {
        "gaps": kinds["gaps"]
    }
    assert kinds["gaps"] in {"integer", "number"}


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("verdicts", "column verdicts is needed, once; the file has length (cm)"),
        ("constant", "two different labels are needed, it has 3.25"),
    ],
)
def test_a_label_column_that_cannot_be_one_is_refused(tmp_path: Path, label: str, reason: str) -> None:
    """The reason says what the file has."""
    with pytest.raises(TrainingDataError) as refused:
        inferred(table(tmp_path), label)
    assert reason in str(refused.value)


def test_a_number_to_be_predicted_is_regression(tmp_path: Path) -> None:
    """A label column of more values than a classifier has labels is refused with the word for it."""
    path = tmp_path / "many.csv"
    path.write_text("x,y\n" + "".join(f"{row % 7},{row / 8}\n" for row in range(1100)))
    with pytest.raises(TrainingDataError, match="regression"):
        inferred(path, "y")
