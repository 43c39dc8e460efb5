"""CSV cells: no text is a formula, every number is one, and every text comes back."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.schemas.output.spreadsheet import guarded, guarded_line, row, unguarded

FORMULAS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\uff1d1+1",
    "-",
    "--1",
    "-1.5.2",
    "+",
    "'=1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    """An apostrophe before it says so to every spreadsheet."""
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["-1.5", "+3", "-1e-9", ".5", "0", "", "a=1", "penguin-7", "'quoted'", "(-1)"]
)
def test_numbers_and_other_texts_stay_as_they_are(text: str) -> None:
    """A negative number can be summed up; what no spreadsheet would run is not touched."""
    assert guarded(text) == text


@given(st.text(st.sampled_from("'=+-@\t\r\n 1.e\uff1da"), max_size=8))
def test_every_text_comes_back(text: str) -> None:
    """Reading is the inverse of writing, whatever apostrophes there were before."""
    assert unguarded(guarded(text)) == text


@given(st.lists(st.text(st.sampled_from('=-\r\n,;"a1'), max_size=4), min_size=1, max_size=3))
def test_a_row_is_read_as_it_was_written(cells: list[str]) -> None:
    """A row stays one row with its cells, with any line breaks, quotes and delimiters in them."""
    for delimiter in ",;\t":
        text = io.StringIO(row(cells, delimiter) + "\n", newline="")
        assert [list(map(unguarded, each)) for each in csv.reader(text, delimiter=delimiter)] == [cells]


@given(st.text(st.sampled_from("'=+-@ 1.,\"\ra"), max_size=12))
def test_a_line_that_is_no_csv_begins_no_cell_with_a_formula(line: str) -> None:
    """However a spreadsheet cuts a broken line, at delimiters and quotes, its pieces are texts or numbers."""
    for cell in re.split(r'[,"\r]', guarded_line(line, ",")):
        assert re.match(r"\s*[=+@-]", cell) is None or re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", cell)
