"""The shipped readings: all 344 rows, the unmeasured ones too, as readings and as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rookery.dataset.readings import known_readings, table
from rookery.errors import UserError
from rookery.schemas.codec import DecodedTable, decode, encode
from rookery.schemas.reading import Reading
from rookery.schemas.rejection import UnusableReadingError

if TYPE_CHECKING:
    from pathlib import Path


def test_every_row_is_a_reading() -> None:
    """344 rows, labelled 152, 68 and 124 by species, two of them without measurements."""
    readings = known_readings()
    assert [sum(each.label == name for each in readings) for name in ("Adelie", "Chinstrap", "Gentoo")] == [
        152,
        68,
        124,
    ]
    assert len(readings) == 344
    assert sum(not each.complete for each in readings) == 2


def test_a_row_alone_and_in_a_table_is_the_same_reading() -> None:
    """Both forms carry the same measurements, and the table refuses only the unmeasured rows."""
    readings = known_readings()
    together = decode(encode(table(readings, "x")))
    assert isinstance(together, DecodedTable)
    assert together.table is not None
    assert [each.row for each in together.refused] == [each.number for each in readings if not each.complete]
    for position, row in enumerate(together.positions):
        alone = decode(readings[row].payload("x"))
        assert isinstance(alone, Reading)
        for name, value in alone.model_dump(exclude_none=True).items():
            assert getattr(together.table, name)[position] == value


def test_an_unmeasured_row_is_unusable() -> None:
    """A row without measurements can be published, and cannot be classified."""
    unmeasured = next(each for each in known_readings() if not each.complete)
    with pytest.raises(UnusableReadingError, match="at least one of bill_length_mm"):
        decode(unmeasured.payload("x"))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """The error names the file that is missing."""
    with pytest.raises(UserError, match="The readings cannot be read"):
        known_readings(tmp_path / "penguins.csv")
