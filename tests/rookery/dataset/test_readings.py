"""The demo's birds: all 344 rows, the unmeasured ones too, as readings and as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rookery.dataset.readings import flock, table
from rookery.errors import UserError
from rookery.schemas.codec import DecodedTable, decode, encode
from rookery.schemas.reading import Reading
from rookery.schemas.rejection import UnusableReadingError

if TYPE_CHECKING:
    from pathlib import Path


def test_every_row_is_a_bird() -> None:
    """344 birds, of which the observers named 152, 68 and 124, and could not measure two."""
    birds = flock()
    assert [sum(bird.species == name for bird in birds) for name in ("Adelie", "Chinstrap", "Gentoo")] == [
        152,
        68,
        124,
    ]
    assert len(birds) == 344
    assert sum(not bird.measured for bird in birds) == 2


def test_a_bird_alone_and_in_a_table_is_the_same_reading() -> None:
    """Both journeys carry the same measurements, and the table refuses just the unmeasured."""
    birds = flock()
    together = decode(encode(table(birds, "x")))
    assert isinstance(together, DecodedTable)
    assert together.table is not None
    assert [each.row for each in together.refused] == [bird.number for bird in birds if not bird.measured]
    for position, row in enumerate(together.positions):
        alone = decode(birds[row].payload("x"))
        assert isinstance(alone, Reading)
        for name, value in alone.model_dump(exclude_none=True).items():
            assert getattr(together.table, name)[position] == value


def test_an_unmeasured_bird_is_unusable() -> None:
    """A bird that nobody measured travels, and cannot be classified."""
    unmeasured = next(bird for bird in flock() if not bird.measured)
    with pytest.raises(UnusableReadingError, match="at least one of the four measurements"):
        decode(unmeasured.payload("x"))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """Where there are no penguins, that is said."""
    with pytest.raises(UserError, match="The penguins cannot be read"):
        flock(tmp_path / "penguins.csv")
