"""Any bytes are read as rows and bad rows, or refused as a whole with reasons."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.row_reader import ReadingRow
from rookery.publisher.files.tables.messages import TableMessages
from rookery.schemas.codec import DecodedTable, decode
from rookery.schemas.parsing.moment import RULE
from rookery.schemas.reading import Reading

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


def read(content: bytes) -> list[ReadingRow | BadRow] | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "penguins.csv"
        path.write_bytes(content)
        try:
            return list(ReadingFile(path).rows())
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


LINES = st.lists(
    st.sampled_from(
        [
            "Adelie,Torgersen,39.1,18.7,181,3750,male,2007",
            "Adelie,Torgersen,39.5,NA,186,,female,2007",
            "Adelie,Torgersen,NA,NA,NA,NA,NA,2007",
            "Adelie,Torgersen,,.,null,nan,,2009",
            "Gentoo,Biscoe,39,5,18.7,181,3750,male,2007",
            "Gentoo,Biscoe,-1,18.7,181,3750,male,2007",
            '"Gentoo",Biscoe,50.,16.3,230,5700,male,2007',
            "",
            " ",
        ]
    ),
    max_size=30,
)


@given(LINES, st.sampled_from([1, 3, 350]))
@settings(max_examples=150)
def test_tables_say_what_rows_say(lines: list[str], most_rows: int) -> None:
    """Wherever odd, empty and unmeasured rows stand, tables hold the same readings and tell the same bad rows in order."""
    header = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
    agree("\n".join([header, *lines]), most_rows)


def agree(content: str, most_rows: int) -> None:
    """Hold the tables of a file against its rows, read one by one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "penguins.csv"
        path.write_text(content, encoding="utf-8")
        file = ReadingFile(path)
        strict = list(file.rows())
        fast = list(TableMessages(file).tables(most_rows=most_rows))
    tables = [each for each in fast if not isinstance(each, BadRow) and each.rows]
    assert [each for each in fast if isinstance(each, BadRow)] == [
        each for each in strict if isinstance(each, BadRow)
    ]
    decoded_rows = list[Reading]()
    for each in tables:
        decoded = decode(each.payload)
        assert isinstance(decoded, DecodedTable)
        assert not decoded.refused
        decoded_rows += [decoded.table.row(row) for row in range(each.rows)]
    assert decoded_rows == [each.reading for each in strict if isinstance(each, ReadingRow)]


HEADER = "bill_length_mm,body_mass_g,sex,island,year,reading_id,device_id,observed_at"
PLAIN = ["39.1", "3750", "male", "Dream", "2007", "a-{}", "mast", "2007-11-11T09:30:00Z"]
ODD = [
    "", "NA", "20071111", "2007", "39402", "200711110930", "1e9", "2007-11-11", "2007-11-11 09:30:00+01:00", "11/11/07",
    "2007-11-11T09:30:00", "2007.0", "2007.5", "1_0", "+39.1", ".5e2", "39.", "007", " 39.1 ", "1e999", "inf", "NaN",
    "\u0663\u0669", "\uff13\uff19", "0x27", "true", "TRUE", "Male", " m ", "MALE", "dream island", "\u2212\u0035", "x" * 201, "a\x1fb",
    "\u00a039\u00a0", '"a""b"', '"39,1"', "3 750", "\u2007",
]  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 19), st.integers(0, len(PLAIN) - 1), st.sampled_from(ODD)), max_size=4),
    st.sampled_from([3, 350]),
)
@settings(max_examples=200)
def test_a_mutated_cell_is_the_same_in_a_table_and_alone(
    mutations: list[tuple[int, int, str]], most_rows: int
) -> None:
    """Columns of cells are read as single cells are, with any content, or the row is bad in both."""
    rows = [[cell.format(row) for cell in PLAIN] for row in range(20)]
    for row, column, cell in mutations:
        rows[row][column] = cell
    agree("\n".join([HEADER, *map(",".join, rows)]), most_rows)


@pytest.mark.parametrize("tables", [True, False])
def test_digits_are_no_time_in_a_file(tmp_path: Path, tables: bool) -> None:  # noqa: FBT001
    """A day without its dashes, a year, a day of Excel's: each row is bad, with the value and what is needed."""
    cells = ["20071111", "2007", "39402", "200711110930"]
    path = tmp_path / "penguins.csv"
    path.write_text("\n".join(["species,bill_length_mm,observed_at", *(f"A,39.1,{cell}" for cell in cells)]))
    messages = TableMessages(ReadingFile(path))
    found = [
        each for each in (messages.tables() if tables else messages.singles()) if isinstance(each, BadRow)
    ]
    assert [(each.reasons[0].field, each.reasons[0].rule, each.reasons[0].value) for each in found] == [
        ("observed_at", RULE, f'"{cell}"') for cell in cells
    ]
