"""Computed rows: sums and means at the end of a file, by their numbers alone."""

from __future__ import annotations

from rookery.publisher.files.cells.computed import NumberRow, computed_rows


def rows(*lines: tuple[str, ...], labelled: bool = False) -> list[NumberRow]:
    return [
        NumberRow(nth, cells, [float(cell) if cell else None for cell in cells], labelled)
        for nth, cells in enumerate(lines)
    ]


ABOVE = (("39.1", "3750"), ("46.1", "4500"), ("", "3800"))


def test_sums_and_means_below_each_other_are_found() -> None:
    """Gaps above are passed over, means are of the readings alone, and rounding is no difference."""
    found = computed_rows(rows(*ABOVE, ("85.2", "12050"), ("42.6", "4016.7")))
    assert found == {3: "sum", 4: "mean"}


def test_a_reading_is_not_taken_for_a_computed_row() -> None:
    """A label that is known, zeros, a row of one number, equal rows and one sum among others prove nothing."""
    assert computed_rows(rows(*ABOVE, ("85.2", "12050"), labelled=True)) == {}
    assert computed_rows(rows(("0", "0"), ("0", "0"), ("0", "0"))) == {}
    assert computed_rows(rows(("0", "5"), ("0", "3"), ("0", "8"))) == {}
    assert computed_rows(rows(*ABOVE, ("", "12050"))) == {}
    assert computed_rows(rows(("39", "3750"), ("39", "3750"), ("39", "3750"))) == {}
    assert computed_rows(rows(*ABOVE, ("85.2", "4000"))) == {}
