"""Whatever a file holds, it is read as rows and bad rows, or refused as a whole with reasons."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.bad_row import BadRow
from publisher.csv_rows import CsvFile, CsvRow
from publisher.errors import BadFileError

HEADERS = st.sampled_from(
    [
        b"species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year",
        b'"bill_length_mm";body_mass_g',
        b"\xef\xbb\xbfbill_length_mm,reading_id",
        b"wings",
        b"",
    ]
)
CELLS = st.sampled_from(
    [b"39.1", b"NA", b"", b"-1", b"male", b'"', b'"a,b"', b"1e999", b"2007", b"\xff", b"\x00", b"x" * 300]
)
ROWS = st.lists(CELLS, max_size=9).map(b",".join) | st.binary(max_size=60)
FILES = st.builds(
    lambda header, rows, end: end.join([header, *rows]),
    HEADERS,
    st.lists(ROWS, max_size=6),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
)


def read(content: bytes) -> list[CsvRow | BadRow] | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "birds.csv"
        path.write_bytes(content)
        try:
            return list(CsvFile(path).rows())
        except BadFileError as error:
            return None if str(error) else []


@given(FILES | st.binary(max_size=200))
@settings(max_examples=150)
def test_any_bytes_are_rows_and_bad_rows_or_a_file_that_is_refused(content: bytes) -> None:
    """Nothing else is ever raised; each bad row says why; no line is read twice."""
    rows = read(content)
    if rows is not None:
        assert all(row.reasons for row in rows if isinstance(row, BadRow))
        assert len({row.line for row in rows}) == len(rows)
