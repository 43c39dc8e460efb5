"""CSV files: every row becomes a reading or a bad row with its line, its text and every reason."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.encoded_message import EncodedMessage
from rookery.publisher.files.forms.blocks import MAX_LINE
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.row_reader import ReadingRow
from rookery.publisher.files.tables.messages import TableMessages
from rookery.publisher.message import MAX_PAYLOAD
from rookery.schemas.codec import DecodedTable, decode
from tests.shipped import SPECIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.schemas.reading import Reading

PENGUINS = Path(__file__).parents[3] / "data" / "penguins.csv"
HEADER = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
GOOD = "Adelie,Torgersen,39.1,18.7,181,3750,male,2007"


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., ReadingFile]:
    def write(
        *rows: str | bytes, header: str | bytes = HEADER, end: bytes = b"\n", **options: str
    ) -> ReadingFile:
        path = tmp_path / "penguins.csv"
        raw = [line if isinstance(line, bytes) else line.encode() for line in (header, *rows)]
        path.write_bytes(b"".join(line + end for line in raw))
        return ReadingFile(path, **options)

    return write


def test_every_penguin_is_read_or_explained() -> None:
    """Of the 344 penguins 342 are readings with their species aside, and the two unmeasured ones are bad rows."""
    every = list(ReadingFile(PENGUINS).rows())
    rows = [each for each in every if isinstance(each, ReadingRow)]
    bad = [each for each in every if isinstance(each, BadRow)]
    assert (len(rows), [each.line for each in bad]) == (342, [5, 273])
    assert {each.label for each in rows} == set(SPECIES)
    assert [each.row for each in rows[:4]] == [0, 1, 2, 4]
    assert bad[0].text == "Adelie,Torgersen,NA,NA,NA,NA,NA,2007"
    assert (
        str(bad[0])
        == "line 5: reading: at least one of bill_length_mm, bill_depth_mm, flipper_length_mm, body_mass_g is needed"
    )


def test_the_identity_of_a_row_comes_from_the_content_alone(written: Callable[..., ReadingFile]) -> None:
    """The same bytes give the same reading ids wherever they lie; a prefix sets them apart."""
    plain = [each.reading.reading_id for each in written(GOOD, GOOD).rows()]
    digest = hashlib.sha256(f"{HEADER}\n{GOOD}\n{GOOD}\n".encode()).hexdigest()[:12]
    assert plain == [f"{digest}-0", f"{digest}-1"]
    prefixed = written(GOOD, GOOD, id_prefix="tables", device_id="d1")
    assert [(each.reading.reading_id, each.reading.device_id) for each in prefixed.rows()] == [
        (f"tables-{digest}-0", "d1"),
        (f"tables-{digest}-1", "d1"),
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_any_editor_s_file_reads_the_same(written: Callable[..., ReadingFile], end: bytes) -> None:
    """A byte order mark, any line ending, blank lines, spaces, gaps and a year of 2007.0 change no reading."""
    row = ' Adelie , Torgersen,"39.1",18.7,,NA,male ,2007.0'
    (read,) = written(b"", row, b"  ", header=b"\xef\xbb\xbf" + HEADER.encode(), end=end).rows()
    known = read.reading.model_dump(exclude={"reading_id"}, exclude_none=True)
    assert known == {
        "bill_length_mm": 39.1,
        "bill_depth_mm": 18.7,
        "island": "Torgersen",
        "sex": "male",
        "year": 2007,
    }


@pytest.mark.parametrize(
    ("row", "reasons"),
    [
        ("Adelie,Torgersen,-1,x,181,3750,both,2007.5", ["bill_length_mm", "bill_depth_mm", "year", "sex"]),
        ("Adelie,Torgersen,1_0,1 0,inf,0x10,male,2007", [
            "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g",
        ]),
        ("Adelie,Torgersen,٣٩,18.7,1e999,3750,male,2007", ["bill_length_mm", "flipper_length_mm"]),
        ("Adelie,Torgersen,39.1", ["row"]),
        (f"{GOOD},extra", ["row"]),
        (f'"{GOOD}', ["row"]),
        (f"{GOOD}{' ' * MAX_LINE}", ["row"]),
        (b"Adelie,Torg\xff\xfersen,39.1,18.7,181,3750,male,2007", ["island"]),
    ],
)  # fmt: skip
def test_a_bad_row_has_every_reason_and_costs_no_neighbour(
    written: Callable[..., ReadingFile], row: str | bytes, reasons: list[str]
) -> None:
    """Each broken rule is named, the text is kept printable, and the rows around it are read."""
    before, bad, after = written(GOOD, row, GOOD).rows()
    assert (before.line, bad.line, after.line) == (2, 3, 4)
    assert [each.field for each in bad.reasons] == reasons
    (str(bad) + bad.text).encode()


@pytest.mark.parametrize(
    ("header", "rules"),
    [
        ("species,island", ["at least one column"]),
        ("bill_length_mm,beak", ["--map 'beak=bill_depth_mm'"]),
        ("bill_length_mm,Culmen Length (mm),weight", ["only one column", "--map 'weight=body_mass_g'"]),
        ('"bill_length_mm', ["CSV is needed"]),
        ("", ["a line with the names"]),
    ],
)
def test_a_header_that_does_not_fit_is_refused_with_every_reason(
    written: Callable[..., ReadingFile], header: str, rules: list[str]
) -> None:
    """A file of other columns is refused as a whole, before any row."""
    with pytest.raises(BadFileError, match=r"penguins\.csv") as caught:
        list(written(header=header).rows())
    shown = [each.rule for each in caught.value.reasons]
    assert len(shown) == len(rules)
    assert all(rule in each for rule, each in zip(rules, shown, strict=True))


def test_tables_hold_the_same_rows_in_the_same_order() -> None:
    """Tables of a hundred rows are the single readings column by column, and bad rows come through."""
    file = ReadingFile(PENGUINS)
    singles = [each.reading for each in file.rows() if isinstance(each, ReadingRow)]
    every = list(TableMessages(file).tables(most_rows=100))
    tables = [each for each in every if isinstance(each, EncodedMessage) and each.rows]
    assert all(each.rows <= 100 for each in tables)
    assert [reading for each in tables for reading in readings_of(each)] == singles
    assert [each.line for each in every if isinstance(each, BadRow)] == [5, 273]
    ends = [each.end.row for each in every if isinstance(each, EncodedMessage) and each.end]
    assert (ends, ends[-1]) == (sorted(ends), 344)


def test_no_table_outgrows_a_message(written: Callable[..., ReadingFile]) -> None:
    """However many rows are asked for and however long their names are, every table fits in one message."""
    source = written(*[GOOD] * 20_000, device_id="ö" * 200)
    tables = list(TableMessages(source).tables(table_bytes=MAX_PAYLOAD, most_rows=100_000))
    assert sum(each.rows for each in tables) == 20_000
    assert max(len(each.payload) for each in tables) <= MAX_PAYLOAD


def test_tables_come_to_about_the_bytes_that_were_asked_for(written: Callable[..., ReadingFile]) -> None:
    """After the first block the size is hit within a tenth, whatever a row is long."""
    source = written(*[GOOD] * 20_000)
    sizes = [
        len(each.payload)
        for each in TableMessages(source).tables(table_bytes=50_000, most_rows=5_000)
        if each.rows
    ]
    assert all(45_000 < size < 55_000 for size in sizes[2:-1])


def test_a_bad_row_costs_no_neighbour_in_a_table(written: Callable[..., ReadingFile]) -> None:
    """Wherever bad rows stand, the others are in tables, in order, and a block still gives one table."""
    rows = [GOOD] * 500
    for place in (0, 7, 8, 250, 499):
        rows[place] = "Adelie,Torgersen,39.1"
    every = list(TableMessages(written(*rows)).tables(table_bytes=100_000, most_rows=1_000))
    (table,) = (each for each in every if isinstance(each, EncodedMessage) and each.rows)
    numbers = [int(reading.reading_id.rpartition("-")[2]) for reading in readings_of(table)]
    assert numbers == [number for number in range(500) if number not in (0, 7, 8, 250, 499)]
    assert [each.line for each in every if isinstance(each, BadRow)] == [2, 9, 10, 252, 501]


@pytest.mark.parametrize(
    "cell",
    [
        '"39,1,40"',
        '"1],""year"":[2007"',
        "+39.1",
        ".5e2",
        "39.",
        "007",
        " 39.1 ",
        "1e999",
        "٣٩",
        "n",
        '"39\t"',
    ],
)
def test_tables_and_rows_agree_on_every_cell(written: Callable[..., ReadingFile], cell: str) -> None:
    """The fast path accepts only what the strict path accepts; no cell can become more than one value."""
    file = written(GOOD, f"Adelie,Torgersen,{cell},18.7,181,3750,male,2007", GOOD)
    strict = list(file.rows())
    fast = list(TableMessages(file).tables())
    assert [each for each in fast if isinstance(each, BadRow)] == [
        each for each in strict if isinstance(each, BadRow)
    ]
    assert [
        reading
        for each in fast
        if isinstance(each, EncodedMessage) and each.rows
        for reading in readings_of(each)
    ] == [each.reading for each in strict if isinstance(each, ReadingRow)]


def test_blank_lines_cost_nothing_but_their_number(written: Callable[..., ReadingFile]) -> None:
    """However many there are, a row keeps the number of its line, in tables as alone."""
    file = written("", GOOD, "  ", "", GOOD, "\t", *[GOOD] * 50, "")
    strict = [each.reading for each in file.rows() if isinstance(each, ReadingRow)]
    (table, end) = TableMessages(file).tables()
    assert readings_of(table) == strict
    assert [int(each.reading_id.rpartition("-")[2]) for each in strict[:3]] == [1, 4, 6]
    assert end.end.row == 57


@pytest.mark.parametrize("filling", ["x", " ", "ö", ","])
def test_an_endless_line_is_one_bad_row(written: Callable[..., ReadingFile], filling: str) -> None:
    """A line of a megabyte is never held whole, never taken for the row that it begins like, and costs itself alone."""
    file = written(GOOD, GOOD + filling * 1_000_000, GOOD, GOOD)
    every = list(TableMessages(file).tables(table_bytes=10_000))
    bad = [each for each in every if isinstance(each, BadRow)]
    assert [(each.line, each.reasons[0].rule) for each in bad] == [
        (3, f"at most {MAX_LINE} characters are needed")
    ]
    assert len(bad[0].text) == MAX_LINE
    assert sum(each.rows for each in every if isinstance(each, EncodedMessage)) == 3


@pytest.mark.parametrize("bounds", [{"most_rows": 0}, {"most_rows": 100_001}, {"table_bytes": 10_000_000}])
def test_impossible_tables_are_refused(bounds: dict[str, int]) -> None:
    """A table has one row at least, and no more than the schema and a message take."""
    with pytest.raises(ValueError, match="a table are possible"):
        list(TableMessages(ReadingFile(PENGUINS)).tables(**bounds))


def readings_of(message: EncodedMessage) -> list[Reading]:
    decoded = decode(message.payload)
    assert isinstance(decoded, DecodedTable)
    assert not decoded.refused
    return [decoded.table.row(row) for row in range(decoded.table.rows)]
