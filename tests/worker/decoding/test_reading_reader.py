"""ReadingReader: it reads what the codec reads and refuses, for any contract, or leaves it to the codec."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.contract import Contract
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.envelope import Envelope
from rookery.worker.decoding.message import decode_message, feature_matrix
from rookery.worker.decoding.reading_reader import DecodedReading, ReadingReader, reading_reader
from tests.schemas.contract.random_contracts import WORDS, RandomContracts

if TYPE_CHECKING:
    from rookery.schemas.contract.compiled import Fields

NUMBERS: Final = [
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "7.25",
    "0.1",
    "0.1000000000000000055511151231257827",
    "1e2",
    "1E-5",
    "-1.5e+1",
    "1e400",
    "1e-400",
    "2007",
    "2007.0",
    "55.123456789012345678",
    "9007199254740992",
    "9007199254740993",
    "-9223372036854775809",
    "18446744073709551616",
    "1" * 400,
    "3.4028234663852886e38",
    "3.4028234663852887e38",
    "340282346638528860000000000000000000001",
    "007",
    "5.",
    ".5",
    "+5",
    "1_0",
    "0x7",
    "NaN",
    "Infinity",
]
TEXTS: Final = [
    '""',
    '"a"',
    '"7"',
    '"male"',
    '"f\\u0065male"',
    '"\\ud83d\\ude00"',
    '"\\ud83d"',
    '"\\u0000"',
    '"a\\nb"',
    '"\\u007f"',
    '"\\u0085"',
    '"\\u00a0"',
    '"\\u200b"',
    '"a\tb"',
    '"[1]"',
    '"' + "é" * 200 + '"',
    '"' + "é" * 201 + '"',
    '"' + "w" * 300 + '"',
    '"' + "w" * 301 + '"',
    *(json.dumps(word) for word in WORDS),
]
TIMES: Final = [
    '"2026-11-23T12:00:00Z"',
    '"2026-11-23t12:00:00z"',
    '"2026-11-23 12:00:00.1234567+01:00"',
    '"2026-11-23T12:00:00,5Z"',
    '"2026-11-23T12:00:00"',
    '"2026-11-23T12:00Z"',
    '"2026-11-23T24:00:00Z"',
    '"2026-11-23T23:59:60Z"',
    '"2026-02-30T12:00:00Z"',
    '"9999-12-31T23:59:59-01:00"',
    '"0001-01-01T00:00:00+01:00"',
    '"2026-W01-1T00:00:00Z"',
    '"39402"',
    "39402",
]
OTHERS: Final = ["null", "true", "false", "[]", "{}", "[1]", '{"a":1}', "", " 7", "nul", '"']
CELLS: Final = [*NUMBERS, *TEXTS, *TIMES, *OTHERS]

seeds = st.integers(0, 200)


def random_contract(seed: int) -> CompiledContract:
    return CompiledContract(RandomContracts(seed).contract()) if seed else default_compiled()


def valid_fields(contract: CompiledContract, payload: bytes) -> Fields | None:
    """The codec's verdict."""
    try:
        fields = contract.validate_fields(payload)
    except ValidationError:
        return None
    return None if contract.lacking(fields) else fields


def known(fields: Fields) -> dict[str, tuple[type, Any]]:
    return {name: (type(value), value) for name, value in fields.items() if value is not None}


def agree(contract: CompiledContract, payload: bytes) -> bool:
    """Hold both readings of a payload against each other; gives whether the reader read it."""
    reader = reading_reader(contract)
    found = reader.read(payload)
    if found is None:
        return False
    fields = valid_fields(contract, payload)
    assert fields is not None
    assert known(found.fields()) == known(fields)
    assert found.features() == {name: fields.get(name) for name in contract.names}
    assert found == reader.of(fields)
    expected = contract.fields_matrix([fields])
    for several in ([found], [found, found]):
        encoded = reader.matrix(several)
        assert encoded.tobytes() == expected.tobytes() * len(several)
    return True


def cells_of(contract: CompiledContract, name: str) -> st.SearchStrategy[str]:
    """JSON texts for one field: edges of what it takes, and whatever else."""
    near: list[str] = []
    for feature in contract.contract.features:
        if feature.name == name and feature.numeric:
            edges = {feature.range.least, feature.range.most}
            near = [
                text for edge in edges for text in (repr(edge), repr(edge + 1), repr(edge - 1), f"{edge:.0f}")
            ]
        elif feature.name == name:
            near = [json.dumps(word) for word in feature.categories] or ["true", "false"]
    if name in {"reading_id", "device_id"}:
        near = TEXTS
    elif name == "observed_at":
        near = TIMES
    return st.sampled_from(near or CELLS) | st.sampled_from(CELLS)


def body(members: list[tuple[str, str]]) -> bytes:
    return ("{" + ",".join(f"{json.dumps(name)}:{cell}" for name, cell in members) + "}").encode()


def draw_members(data: st.DataObject, contract: CompiledContract) -> list[tuple[str, str]]:
    names = data.draw(st.lists(st.sampled_from([*contract.members, "another"]), max_size=12))
    return [(name, data.draw(cells_of(contract, name))) for name in names]


@given(seeds, st.data())
@settings(max_examples=600)
def test_what_it_reads_the_codec_reads_with_the_same_values(seed: int, data: st.DataObject) -> None:
    """Cells of any text, names that are unknown or stand twice: nothing is read that pydantic refuses, or reads otherwise."""
    contract = random_contract(seed)
    agree(contract, body(draw_members(data, contract)))


@given(seeds, st.data())
@settings(max_examples=300)
def test_no_odd_byte_is_overlooked(seed: int, data: st.DataObject) -> None:
    """Bytes put in, taken out or written over anywhere make no reading that pydantic refuses."""
    contract = random_contract(seed)
    source = RandomContracts(seed)
    fields = source.reading(contract.contract) | {"reading_id": "r/1", "observed_at": "2026-11-23T12:00:00Z"}
    payload = bytearray(json.dumps(fields).encode())
    for _ in range(data.draw(st.integers(1, 2))):
        begin = data.draw(st.integers(0, len(payload)))
        odd = st.sampled_from(
            [b"\xff", b"\0", b",", b'"', b"\\", b":", b"}", b"e", b"-", b".", b"null", b" \r\n\t"]
        )
        payload[begin : begin + data.draw(st.integers(0, 3))] = data.draw(odd | st.binary(max_size=2))
    agree(contract, bytes(payload))


@given(seeds, st.integers(0, 2**32))
@settings(max_examples=600)
def test_it_reads_every_valid_reading_in_plain_json(seed: int, of_reading: int) -> None:
    """The codec is asked only for what is refused, so that no valid reading costs twice."""
    contract = random_contract(seed)
    fields = RandomContracts(of_reading).reading(contract.contract)
    payload = json.dumps(fields | {"device_id": "hut é 7"}).encode()
    assert agree(contract, payload) == (valid_fields(contract, payload) is not None)


@pytest.mark.parametrize(
    "name",
    ["class", "f1", 'a"b', "a\\b", "é [mm]", "__init__", "features", "x" * 300, "{", "fields", "\U0001f427"],
)
def test_a_feature_may_have_any_name(name: str) -> None:
    """Names that are no names in Python, or other attributes', are only names."""
    contract = CompiledContract(
        Contract.model_validate(
            {
                "name": "odd",
                "target": "t",
                "labels": ("p", "q"),
                "features": ({"name": "first"}, {"name": name, "kind": "flag", "required": True}),
            }
        )
    )
    for escaped in (True, False):
        payload = json.dumps({name: True, "first": -1.5}, ensure_ascii=escaped).encode()
        # msgspec has no names with quotes and backslashes: the codec reads them.
        assert agree(contract, payload) == ("\\" not in name and '"' not in name)
        message = decode_message(Envelope("m", body=payload), contract)
        assert isinstance(message.readings, DecodedReading)
        assert message.readings.features() == {name: True, "first": -1.5}
        np.testing.assert_array_equal(feature_matrix([message], contract), [[-1.5, 1]])
    assert not agree(contract, b'{"first":1}')
    assert not agree(contract, b'{"first":1,"f1":true}') or name == "f1"
    assert not agree(contract, json.dumps({name: None, "first": 1}).encode())


def test_a_wide_contract_is_read() -> None:
    """Hundreds of features of every kind have their places in the matrix."""
    kinds: list[dict[str, Any]] = [
        {"kind": "number"},
        {"kind": "integer"},
        {"kind": "flag"},
        {"kind": "category", "categories": ("red", "blu", "grn")},
    ]
    features = [{"name": f"feature {nth}", **kinds[nth % 4]} for nth in range(300)]
    contract = CompiledContract(
        Contract.model_validate(
            {"name": "wide", "target": "t", "labels": ("p", "q"), "features": tuple(features)}
        )
    )
    values = [0.5, -7, True, "grn"]
    assert agree(contract, json.dumps({f"feature {nth}": values[nth % 4] for nth in range(300)}).encode())
    assert agree(contract, b"{}")
    rows = reading_reader(contract).matrix([])
    assert rows.shape == (0, 300)
    assert rows.dtype == np.float32


def test_an_unknown_category_counts_as_missing_where_the_contract_says_so() -> None:
    """The word stays as it was written, and the model gets NaN; a feature that is required refuses it."""
    said = {
        "name": "colours",
        "target": "t",
        "labels": ("p", "q"),
        "unknown_categories": "missing",
        "features": ({"name": "colour", "kind": "category", "categories": ("red",)},),
    }
    reader = ReadingReader(CompiledContract(Contract.model_validate(said)))
    reading = reader.read(b'{"colour":"mauve"}')
    assert reading is not None
    assert reading.features() == {"colour": "mauve"}
    assert np.isnan(reader.matrix([reading])).all()
    said["features"] = ({"name": "colour", "kind": "category", "categories": ("red",), "required": True},)
    assert ReadingReader(CompiledContract(Contract.model_validate(said))).read(b'{"colour":"mauve"}') is None
