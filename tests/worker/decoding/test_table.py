"""Columns: what is read without an object for each cell is what pydantic reads, and whatever is not plain is left to it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.schemas.codec import DecodedTable, decode_fields, encode
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.features import CATEGORIES, FEATURES, columns_matrix
from rookery.schemas.reading import BOUNDS, Reading
from rookery.schemas.rejection import UnusableReadingError
from rookery.schemas.table import ReadingTable
from rookery.schemas.testing import ReadingFactory
from rookery.worker.decoding.cells import Vocabulary
from rookery.worker.decoding.table import WORTH_BYTES, columns

ROWS: Final = 300

CELLS: Final[dict[str, list[str]]] = {
    name: [
        "null",
        "0",
        "1e2",
        "-5",
        "true",
        '"7"',
        "[]",
        "{}",
        " 7",
        "",
        "NaN",
        "007",
        "0000null",
        "5.",
        ".5",
        "1.2.3",
        "+5",
        "0x7",
        "1_0",
        "1e400",
        "Infinity",
        "-Infinity",
        '"NaN"',
        '"39.1"',
        '"\\u0663\\u0669"',
        '"true"',
    ]
    for name in ReadingTable.model_fields
}
for number, bounds in BOUNDS.items():
    edges = [bounds.least, bounds.most, bounds.least - 1, bounds.most + 1, (bounds.least + bounds.most) // 2]
    CELLS[number] += [f"{edge:g}" for edge in edges]
    CELLS[number] += [
        "2007.0",
        "55.125",
        "55.123456",
        "55.1234567",
        "190.10",
        "12345678",
        "123456789",
        "5/5.5",
        "5:5",
    ]
for category, words in CATEGORIES.items():
    CELLS[category] += [
        *(f'"{word}"' for word in words),
        '"mal"',
        '"Torgersex"',
        '"Torgersenx"',
        '"f\\u0065male"',
    ]
for name in ("reading_id", "device_id"):
    CELLS[name] += [
        '"a"',
        '"\u00e9"',
        '"a]b"',
        '"a,b"',
        '"\\"],\\""',
        '"],\\"year\\":[2007"',
        '""',
        '"\\u0007"',
    ]
CELLS["observed_at"] += [
    '"2026-01-01T00:00:00Z"',
    '"2026-01-01 00:00:00.25+01:00"',
    '"2026-01-01T00:00:00"',
    '"yesterday"',
    '"20071111"',
    '"39402"',
    "39402",
    "1e9",
    '"2026-W01-1T00:00:00Z"',
]
ODD_BYTES: Final = [
    b"\xff" * 9,
    b"\xff" * 8,
    b"\0" * 9,
    b"]",
    b",",
    b'"',
    b"\\",
    b" ",
    b"null",
    b":[",
    b'],"',
    b"e",
    b".",
]


def body(texts: dict[str, list[str]]) -> bytes:
    return ("{" + ",".join(f'"{name}":[{",".join(cells)}]' for name, cells in texts.items()) + "}").encode()


@cache
def written(rows: int, seed: int) -> dict[str, list[str]]:
    table = json.loads(encode(ReadingFactory(seed).table(rows)))
    return {name: [json.dumps(cell) for cell in column] for name, column in table.items()}


def plain(rows: int = ROWS, seed: int = 1) -> dict[str, list[str]]:
    return {name: [*column] for name, column in written(rows, seed).items()}


def slowly(payload: bytes) -> DecodedTable | None:
    """The codec's result for a payload; None where it is no table, or a row is refused."""
    try:
        decoded = decode_fields(payload, default_compiled())
    except UnusableReadingError:
        return None
    return decoded if isinstance(decoded, DecodedTable) and decoded.table and not decoded.refused else None


def agree(payload: bytes) -> bool:
    """Hold both readings of a payload against each other; gives whether the fast one read it."""
    found = columns(payload, version=None)
    if found is None:
        return False
    decoded = slowly(payload)
    assert decoded is not None
    assert decoded.table is not None
    table = decoded.table
    np.testing.assert_array_equal(found.matrix, columns_matrix(table.__dict__, table.rows))
    for nth in (0, table.rows // 2, table.rows - 1):
        assert found.features(nth) == {
            name: column[nth] if (column := getattr(table, name)) else None for name in FEATURES
        }
    assert (found.reading_id, found.device_id, found.observed_at) == (
        table.reading_id,
        table.device_id,
        table.observed_at,
    )
    assert found.table() == table
    return True


@pytest.mark.parametrize("rows", [ROWS, 5_000])
@pytest.mark.parametrize("prefix", ["", "b"])
def test_a_plain_table_is_read_as_the_codec_reads_it(rows: int, prefix: str) -> None:
    """Every cell is the same float32, every feature is repeated as it was written."""
    assert agree(encode(ReadingFactory(rows).table(rows, prefix=prefix)))


def test_what_real_files_lack_is_read_too() -> None:
    """Nulls, absent columns, whole numbers among fractions and more digits than one are plain."""
    texts = plain()
    texts["sex"][3] = texts["year"][0] = texts["bill_length_mm"][7] = "null"
    texts["body_mass_g"] = [cell.partition(".")[0] for cell in texts["body_mass_g"]]
    texts["flipper_length_mm"][::2] = ["190"] * len(texts["flipper_length_mm"][::2])
    texts["bill_depth_mm"][1] = "17.125"
    assert agree(body(texts))
    del texts["island"], texts["bill_depth_mm"]
    texts["flipper_length_mm"] = ["null"] * ROWS
    assert agree(body({name: texts[name] for name in reversed(texts)}))


def test_a_row_without_measurements_is_left_to_the_codec() -> None:
    """It is refused alone, which only the codec can do."""
    texts = plain()
    for name in ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"):
        texts[name][9] = "null"
    assert columns(body(texts), version=None) is None
    assert columns(body({name: texts[name] for name in ("year", "sex", "island")}), version=None) is None


@given(data=st.data())
@settings(max_examples=150)
def test_nothing_is_read_that_the_codec_refuses(data: st.DataObject) -> None:
    """The fast path agrees with the codec on cells of any content, or leaves them to the codec."""
    texts = plain(seed=data.draw(st.integers(0, 3)))
    for name in data.draw(st.lists(st.sampled_from([*CELLS]), max_size=2)):
        texts.setdefault(name, ["null"] * ROWS)
    for name in data.draw(st.lists(st.sampled_from([*texts]), max_size=2)):
        if len(texts) > 1:
            texts.pop(name, None)
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from([*texts]))
        texts[name][data.draw(st.integers(0, ROWS - 1))] = data.draw(st.sampled_from(CELLS[name]))
    agree(body(texts))


@given(data=st.data())
@settings(max_examples=150)
def test_no_odd_byte_is_overlooked(data: st.DataObject) -> None:
    """Bytes put in, taken out or written over anywhere never make a table plain that is none."""
    payload = bytearray(body(plain(seed=data.draw(st.integers(0, 3)))))
    for _ in range(data.draw(st.integers(1, 2))):
        begin = data.draw(st.integers(0, len(payload)))
        odd = data.draw(st.one_of(st.sampled_from(ODD_BYTES), st.binary(max_size=2)))
        payload[begin : begin + data.draw(st.integers(0, 10))] = odd
    agree(bytes(payload))


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        *(("sex", word.decode("latin-1")) for word in ODD_BYTES[:3]),
        ("sex", '"Dream"'),
        ("body_mass_g", "0000null"),
        ("body_mass_g", "004000.0"),
        ("body_mass_g", "true"),
        ("year", "2007.0"),
        ("year", "2007.5"),
    ],
)
def test_what_only_looks_right_is_left_to_the_codec(name: str, cell: str) -> None:
    """Zeros in front, booleans, years with a fraction, words of another column and bytes that are no text are not plain."""
    texts = plain()
    texts[name][5] = "CELL"
    payload = body(texts).replace(b"CELL", cell.encode("latin-1"))
    assert columns(payload, version=None) is None
    assert slowly(payload) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"year":[', b'"year": ['),
        lambda text: text + b"\n",
        lambda text: text.replace(b'"year"', b'"yaer"'),
        lambda text: text.replace(b'"sex":', b'"year":'),
        lambda text: text[:-1] + b',"device_id":null}',
        lambda text: text[:-2] + b",null]}",
        lambda text: text.replace(b'],"year":[', b',"],"year":['),
    ],
)
def test_other_forms_are_left_to_the_codec(change: Any) -> None:
    """Blanks, unknown and repeated names, nulls for columns and columns of other lengths are the codec's."""
    payload = change(body(plain()))
    assert len(payload) > WORTH_BYTES
    assert columns(payload, version=None) is None


def test_another_version_and_a_small_table_are_left_to_the_codec() -> None:
    """The codec says which version is needed, and is faster with few rows."""
    payload = body(plain())
    assert columns(payload, version="1") is not None
    assert columns(payload, version="2") is None
    assert columns(body(plain(rows=3)), version=None) is None


def test_the_bounds_are_those_of_a_reading() -> None:
    """Every number's bounds are what Reading refuses just beyond."""
    assert BOUNDS.keys() == {name for name in FEATURES if name not in CATEGORIES}
    for name, bounds in BOUNDS.items():
        rest = {} if name == "bill_length_mm" else {"bill_length_mm": 40.0}
        for right, wrong in ((bounds.least, bounds.least - 1), (bounds.most, bounds.most + 1)):
            kind = int if bounds.whole else float
            assert getattr(Reading(**{**rest, name: kind(right)}), name) == right
            with pytest.raises(ValueError, match=name):
                Reading(**{**rest, name: kind(wrong)})


def test_a_vocabulary_of_equally_long_words_is_refused() -> None:
    """Words are distinguished by their length, so that a new one of the same length must be noticed at once."""
    with pytest.raises(ValueError, match="different lengths"):
        Vocabulary([("male", "boys")])
    with pytest.raises(ValueError, match="different lengths"):
        Vocabulary([("a" * 15,)])
