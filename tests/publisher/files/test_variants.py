"""The files people have: every published form of the penguins is understood with no flag but the path."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
import zstandard

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.row_reader import ReadingRow
from rookery.publisher.files.tables.messages import TableMessages
from rookery.schemas.codec import DecodedTable, decode
from rookery.worker.models.loader import SHIPPED, load
from tests.publisher.files.variants import PENGUINS, VARIANTS
from tests.shipped import matrix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rookery.schemas.reading import Reading

WITHOUT_YEAR = {"Kaggle", "OpenML", "OpenML's ARFF", "seaborn"}


def features(reading: Reading, *, year: bool) -> dict[str, object]:
    return reading.model_dump(exclude={"reading_id"} if year else {"reading_id", "year"})


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_the_same_penguins(name: str, tmp_path: Path) -> None:
    """Row for row the same readings and species as the original, as rows and as tables; two are unmeasured."""
    path = tmp_path / "penguins.csv"
    path.write_bytes(VARIANTS[name]())
    year = name not in WITHOUT_YEAR
    original = [each for each in ReadingFile(PENGUINS).rows() if isinstance(each, ReadingRow)]
    file = ReadingFile(path)
    every = list(file.rows())
    rows = [each for each in every if isinstance(each, ReadingRow)]
    assert [features(each.reading, year=year) for each in rows] == [
        features(each.reading, year=year) for each in original
    ]
    assert [each.label for each in rows] == [each.label for each in original]
    assert len(every) - len(rows) == 2
    tables = [each for each in TableMessages(file).tables() if not isinstance(each, BadRow) and each.rows]
    decoded = [decode(each.payload) for each in tables]
    readings = [
        each.table.row(row)
        for each in decoded
        if isinstance(each, DecodedTable)
        for row in range(each.table.rows)
    ]
    assert readings == [each.reading for each in rows]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_packing_a_file_changes_no_reading(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """A packed file has the very reading ids of the plain one, whatever its name ends with."""
    path = tmp_path / "penguins"
    path.write_bytes(pack(PENGUINS.read_bytes()))
    assert list(ReadingFile(path).rows()) == list(ReadingFile(PENGUINS).rows())


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_damaged_packed_file_is_a_sentence(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """A file that was cut short is refused before a row of it is sent."""
    path = tmp_path / "penguins.csv.gz"
    packed = pack(PENGUINS.read_bytes())
    path.write_bytes(packed[: len(packed) // 2] + b"\x00" * 50)
    with pytest.raises(BadFileError, match="damaged"):
        _ = ReadingFile(path).profile


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_an_encoding_changes_no_reading(encoding: str, tmp_path: Path) -> None:
    """A text of two bytes a letter, with its mark or without, has the rows of the original."""
    path = tmp_path / "penguins.csv"
    path.write_bytes(PENGUINS.read_text().encode(encoding))
    original = [each for each in ReadingFile(PENGUINS).rows() if isinstance(each, ReadingRow)]
    rows = [each for each in ReadingFile(path).rows() if isinstance(each, ReadingRow)]
    assert [features(each.reading, year=True) for each in rows] == [
        features(each.reading, year=True) for each in original
    ]


def test_every_variant_classifies_with_the_same_accuracy(tmp_path: Path) -> None:
    """The shipped model has the same accuracy on any of the files as from the original."""
    classifier = load(SHIPPED)
    right = {}
    for name, written in VARIANTS.items():
        path = tmp_path / "penguins.csv"
        path.write_bytes(written())
        rows = [each for each in ReadingFile(path).rows() if isinstance(each, ReadingRow)]
        asked = classifier.classify(matrix(each.reading for each in rows))
        answers = [asked.labels[winner] for winner in asked.label_indices]
        right[name] = sum(answer == each.label for answer, each in zip(answers, rows, strict=True))
    assert set(right.values()) == {right["palmerpenguins"]}, right
    assert right["palmerpenguins"] / 342 > 0.98


@pytest.mark.parametrize(
    ("header", "mapping", "found"),
    [
        ("Weight,sex", {"Weight": "body_mass_g"}, {"body_mass_g": 0, "sex": 1}),
        ("bill_length_mm,culmen_length_mm", {"culmen_length_mm": ""}, {"bill_length_mm": 0}),
        ("bill_length_mm,when", {"when": "date"}, {"bill_length_mm": 0, "date": 1}),
        ("bill_length_mm,kind", {"kind": "species"}, {"bill_length_mm": 0, "species": 1}),
    ],
)
def test_the_user_maps_an_ambiguous_column(
    header: str, mapping: dict[str, str], found: dict[str, int], tmp_path: Path
) -> None:
    """A mapping says what a column is, or that it is nothing."""
    path = tmp_path / "penguins.csv"
    path.write_text(f"{header}\n")
    assert dict(ReadingFile(path, mapping=mapping).places) == found


@pytest.mark.parametrize(
    ("header", "mapping", "expected"),
    [
        ("bill_length_mm,Weight", {}, "--map 'Weight=body_mass_g'"),
        ("bill_length_mm,Weight (kg)", {}, "--map 'Weight (kg)=body_mass_g'"),
        ("bill_length_mm,observed date", {}, "--map 'observed date=year'"),
        ("bill_length_mm,bill_len", {}, "only one column can be bill_length_mm"),
        ("bill_length_mm", {"x": "sex"}, "no such column"),
        ("bill_length_mm", {"bill_length_mm": "beak"}, "one of bill_length_mm"),
    ],
)
def test_what_is_ambiguous_is_asked_for(
    header: str, mapping: dict[str, str], expected: str, tmp_path: Path
) -> None:
    """A column that may be a feature is never guessed and never silently left out."""
    path = tmp_path / "penguins.csv"
    path.write_text(f"{header}\n")
    with pytest.raises(BadFileError) as caught:
        _ = ReadingFile(path, mapping=mapping).profile
    assert expected in str(caught.value)
