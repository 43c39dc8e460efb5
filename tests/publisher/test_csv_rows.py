"""CSV files: every row becomes a reading or a bad row with its line, its text and every reason."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from publisher.bad_row import BadRow
from publisher.csv_rows import MAX_LINE, CsvFile, CsvRow, CsvTable
from publisher.errors import BadFileError
from publisher.message import MAX_PAYLOAD
from schemas.codec import encode
from schemas.reading import SPECIES

if TYPE_CHECKING:
    from collections.abc import Callable

PENGUINS = Path(__file__).parents[2] / "data" / "penguins.csv"
HEADER = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
GOOD = "Adelie,Torgersen,39.1,18.7,181,3750,male,2007"


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., CsvFile]:
    def write(
        *rows: str | bytes, header: str | bytes = HEADER, end: bytes = b"\n", **options: str
    ) -> CsvFile:
        path = tmp_path / "birds.csv"
        raw = [line if isinstance(line, bytes) else line.encode() for line in (header, *rows)]
        path.write_bytes(b"".join(line + end for line in raw))
        return CsvFile(path, **options)

    return write


def test_every_penguin_is_read_or_explained() -> None:
    """Of the 344 birds 342 are readings with their species aside, and the two unmeasured ones are bad rows."""
    every = list(CsvFile(PENGUINS).rows())
    rows = [each for each in every if isinstance(each, CsvRow)]
    bad = [each for each in every if isinstance(each, BadRow)]
    assert (len(rows), [each.line for each in bad]) == (342, [5, 273])
    assert {each.label for each in rows} == set(SPECIES)
    assert [each.row for each in rows[:4]] == [0, 1, 2, 4]
    assert bad[0].text == "Adelie,Torgersen,NA,NA,NA,NA,NA,2007"
    assert str(bad[0]) == "line 5: reading: at least one of the four measurements is needed"


def test_the_identity_of_a_row_comes_from_the_content_alone(written: Callable[..., CsvFile]) -> None:
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
def test_any_editor_s_file_reads_the_same(written: Callable[..., CsvFile], end: bytes) -> None:
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
        ("Adelie,Torgersen,-1,x,181,3750,f,2007.5", ["bill_length_mm", "bill_depth_mm", "year", "sex"]),
        ("Adelie,Torgersen,1_0,nan,inf,0x10,male,2007", [
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
    written: Callable[..., CsvFile], row: str | bytes, reasons: list[str]
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
        ("bill_length_mm,beak", ["unknown column"]),
        ("bill_length_mm,bill_length_mm,beak,beak", ["only once", "unknown column", "only once"]),
        ('"bill_length_mm', ["CSV is needed"]),
        ("", ["a line with the names"]),
    ],
)
def test_a_header_that_does_not_fit_is_refused_with_every_reason(
    written: Callable[..., CsvFile], header: str, rules: list[str]
) -> None:
    """A file of other columns is refused as a whole, before any row."""
    with pytest.raises(BadFileError, match=r"birds\.csv") as caught:
        list(written(header=header).rows())
    told = [each.rule for each in caught.value.reasons]
    assert len(told) == len(rules)
    assert all(rule in each for rule, each in zip(rules, told, strict=True))


def test_tables_hold_the_same_rows_in_the_same_order() -> None:
    """Tables of a hundred rows are the single readings column by column, and bad rows come through."""
    singles = [each for each in CsvFile(PENGUINS).rows() if isinstance(each, CsvRow)]
    every = list(CsvFile(PENGUINS).tables(100))
    tables = [each for each in every if isinstance(each, CsvTable)]
    assert [each.table.rows for each in tables] == [100, 100, 100, 42]
    assert [row for each in tables for row in each.rows] == singles
    assert [name for each in tables for name in each.table.reading_id] == [
        each.reading.reading_id for each in singles
    ]
    assert len(every) - len(tables) == 2


def test_no_table_outgrows_a_message(written: Callable[..., CsvFile]) -> None:
    """However many rows are asked for and however long their names are, every table fits in one message."""
    source = written(*[GOOD] * 20_000, device_id="ö" * 200)
    tables = list(source.tables(100_000))
    assert len(tables) > 1
    assert sum(each.table.rows for each in tables) == 20_000
    assert max(len(encode(each.table)) for each in tables) <= MAX_PAYLOAD


@pytest.mark.parametrize("rows", [0, 100_001])
def test_impossible_tables_are_refused(rows: int) -> None:
    """A table has one row at least, and no more than the schema takes."""
    with pytest.raises(ValueError, match="rows per table"):
        list(CsvFile(PENGUINS).tables(rows))
