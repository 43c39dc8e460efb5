"""TableReader: it reads what the codec reads and refuses, for any contract, and leaves to it whatever is not plain."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.schemas.codec import DecodedTable, decode_fields, encode
from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.contract import Contract
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.reading import Reading
from rookery.schemas.rejection import UnusableReadingError
from rookery.schemas.testing.factory import ReadingFactory
from rookery.worker.decoding import column_reader
from rookery.worker.decoding.payload import WORTH_BYTES, decode_payload
from rookery.worker.decoding.table import DecodedColumns
from rookery.worker.decoding.table_reader import table_reader
from tests.shipped import BOUNDS, CATEGORIES, FEATURES
from tests.worker.decoding.json_cells import any_cells, mangled, random_contract, right_cells, seeds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rookery.schemas.contract.reading_classes import AnyTable

ROWS: Final = 300

DEFAULT: Final = default_compiled()


def body(texts: dict[str, list[str]]) -> bytes:
    return (
        "{" + ",".join(f"{json.dumps(name)}:[{','.join(cells)}]" for name, cells in texts.items()) + "}"
    ).encode()


@cache
def written(rows: int, seed: int) -> dict[str, list[str]]:
    table = json.loads(encode(ReadingFactory(seed).table(rows)))
    return {name: [json.dumps(cell) for cell in column] for name, column in table.items()}


def plain(rows: int = ROWS, seed: int = 1) -> dict[str, list[str]]:
    return {name: [*column] for name, column in written(rows, seed).items()}


def slowly(payload: bytes, contract: CompiledContract = DEFAULT) -> AnyTable | None:
    """The codec's table; None where it is none, or a row is refused."""
    try:
        decoded = decode_fields(payload, contract)
    except UnusableReadingError:
        return None
    return decoded.table if isinstance(decoded, DecodedTable) and not decoded.refused else None


def columns(payload: bytes, contract: CompiledContract = DEFAULT) -> DecodedColumns | None:
    return table_reader(contract).read(payload)


def typed(values: Mapping[str, Any]) -> dict[str, tuple[type, Any]]:
    return {name: (type(value), value) for name, value in values.items()}


def agree(payload: bytes, contract: CompiledContract = DEFAULT) -> bool:
    """Hold both readings of a payload against each other; gives whether the fast one read it."""
    found = columns(payload, contract)
    if found is None:
        return False
    table = slowly(payload, contract)
    assert table is not None
    assert found.matrix.tobytes() == contract.columns_matrix(table.columns, table.rows).tobytes()
    assert found.matrix.shape == (table.rows, len(contract.names))
    for nth in {0, table.rows // 2, table.rows - 1}:
        written = {name: column[nth] for name, column in table.columns.items()}
        assert typed(found.features(nth)) == typed({name: written.get(name) for name in contract.names})
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
    assert columns(body(texts)) is None
    assert columns(body({name: texts[name] for name in ("year", "sex", "island")})) is None


@given(data=st.data())
@settings(max_examples=150)
def test_nothing_is_read_that_the_codec_refuses(data: st.DataObject) -> None:
    """The fast path agrees with the codec on cells of any content, or leaves them to the codec."""
    texts = plain(seed=data.draw(st.integers(0, 3)))
    for name in data.draw(st.lists(st.sampled_from(DEFAULT.members), max_size=2)):
        texts.setdefault(name, ["null"] * ROWS)
    for name in data.draw(st.lists(st.sampled_from([*texts]), max_size=2)):
        if len(texts) > 1:
            texts.pop(name, None)
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from([*texts]))
        texts[name][data.draw(st.integers(0, ROWS - 1))] = data.draw(any_cells(DEFAULT, name))
    agree(body(texts))


def draw_table(data: st.DataObject, contract: CompiledContract) -> dict[str, list[str]]:
    """Columns of right cells and nulls, some of them absent."""
    rows = data.draw(st.integers(1, 12))
    names = data.draw(st.lists(st.sampled_from(contract.members), unique=True, min_size=1))
    cells = {name: st.sampled_from(["null", *right_cells(contract, name)] * 2) for name in names}
    return {name: data.draw(st.lists(cells[name], min_size=rows, max_size=rows)) for name in names}


@given(seeds, st.data())
@settings(max_examples=200)
def test_every_valid_table_of_any_contract_is_read(seed: int, data: st.DataObject) -> None:
    """In compact JSON the codec is asked only for what is refused: of required features, groups, kinds and bounds."""
    contract = random_contract(seed)
    payload = body(draw_table(data, contract))
    assert agree(payload, contract) == (slowly(payload, contract) is not None)


@given(seeds, st.data())
@settings(max_examples=200)
def test_nothing_of_any_contract_is_read_that_the_codec_refuses(seed: int, data: st.DataObject) -> None:
    """Cells of any text in any column, and columns cut into pieces of a few characters."""
    contract = random_contract(seed)
    texts = draw_table(data, contract)
    for _ in range(data.draw(st.integers(0, 2))):
        name = data.draw(st.sampled_from([*texts]))
        texts[name][data.draw(st.integers(0, len(texts[name]) - 1))] = data.draw(any_cells(contract, name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_reader, "_PIECE_BYTES", data.draw(st.sampled_from([1, 2, 7, 1_000])))
        agree(body(texts), contract)


@given(seeds, st.data())
@settings(max_examples=200)
def test_no_odd_byte_is_overlooked(seed: int, data: st.DataObject) -> None:
    """Bytes put in, taken out or written over anywhere never make a table plain that is none."""
    contract = random_contract(seed)
    texts = draw_table(data, contract) if seed else plain(seed=data.draw(st.integers(0, 3)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_reader, "_PIECE_BYTES", data.draw(st.sampled_from([1, 7, 1_000])))
        agree(mangled(data, body(texts)), contract)


def test_a_column_is_read_in_pieces() -> None:
    """A hundred thousand rows have the same values as in one piece, with nulls and commas in texts; one more row is refused."""
    rows = 100_000
    texts = {
        "bill_length_mm": ["39.5", "null", "41", "38.125"] * (rows // 4),
        "body_mass_g": ["3750"] * rows,
        "sex": ['"male"', "null", '"female"', "null"] * (rows // 4),
        "device_id": ['"a, b"', "null", '"c"', '"d,e"'] * (rows // 4),
    }
    assert agree(body(texts))
    assert columns(body({name: [*cells, cells[0]] for name, cells in texts.items()})) is None


def test_numbers_of_every_form_are_read() -> None:
    """Signs, exponents, zeros and many digits are read; an integer beyond what a float64 holds is left to the codec."""
    contract = CompiledContract(
        Contract.model_validate(
            {
                "name": "numbers",
                "target": "t",
                "labels": ("p", "q"),
                "features": (
                    {"name": "alcohol [%]"},
                    {"name": "count", "kind": "integer", "least": -1e18, "most": 1e18},
                ),
            }
        )
    )
    numbers = ["0", "-0.0", "-1.5", "0.1184", "1e-5", "-2.5E+3", "12345678901234567890", "null", "1e-400"]
    counts = ["0", "-1", "7", "null", "9007199254740991", "-9007199254740991", "3", "4", "5"]
    assert agree(body({"alcohol [%]": numbers, "count": counts}), contract)
    for count in ("9007199254740993", "9007199254740992", "-0", "2.0", "1e3"):
        assert columns(body({"alcohol [%]": ["1", "2"], "count": ["1", count]}), contract) is None


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        *(("sex", word) for word in ("\xff" * 9, "\xff" * 8, "\0" * 9)),
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
    assert columns(payload) is None
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
    assert columns(payload) is None


def test_another_version_and_a_small_table_are_left_to_the_codec() -> None:
    """The codec says which version is needed, and is faster with few rows."""
    payload = body(plain())

    def decoded(payload: bytes, version: str) -> object:
        return decode_payload(payload, DEFAULT, version=version, longest=None)

    assert isinstance(decoded(payload, "1"), DecodedColumns)
    assert isinstance(decoded(body(plain(rows=3)), "1"), DecodedTable)
    with pytest.raises(UnusableReadingError, match="version 1 is needed"):
        decoded(payload, "2")


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


def test_categories_may_be_equally_long_and_have_any_character() -> None:
    """All characters of a word decide which one it is, quotes and commas too."""
    words = ("red", "blu", "a,b", 'q"t', "é]", "null")
    feature = {"name": "colour", "kind": "category", "categories": words}
    contract = CompiledContract(
        Contract.model_validate(
            {"name": "colours", "target": "t", "labels": ("p", "q"), "features": (feature,)}
        )
    )
    plainly = ["red", "blu", "a,b", 'q"t', "null"]
    assert agree(body({"colour": [json.dumps(word) for word in plainly]}), contract)
    assert columns(body({"colour": ['"red"', '"rad"']}), contract) is None
    assert columns(body({"colour": ['"red"', '"é]"']}), contract) is None
