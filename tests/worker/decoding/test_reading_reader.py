"""ReadingReader: it reads what the codec reads and refuses, for any contract, or leaves it to the codec."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.contract import Contract
from rookery.schemas.envelope import Envelope
from rookery.worker.decoding.message import decode_message, feature_matrix
from rookery.worker.decoding.reading_reader import DecodedReading, ReadingReader, reading_reader
from tests.schemas.contract.random_contracts import RandomContracts
from tests.worker.decoding.json_cells import any_cells, mangled, random_contract, seeds

if TYPE_CHECKING:
    from rookery.schemas.contract.compiled import Fields


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


def body(members: list[tuple[str, str]]) -> bytes:
    return ("{" + ",".join(f"{json.dumps(name)}:{cell}" for name, cell in members) + "}").encode()


def draw_members(data: st.DataObject, contract: CompiledContract) -> list[tuple[str, str]]:
    names = data.draw(st.lists(st.sampled_from([*contract.members, "another"]), max_size=12))
    return [(name, data.draw(any_cells(contract, name))) for name in names]


@given(seeds, st.data())
@settings(max_examples=300)
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
    agree(contract, mangled(data, json.dumps(fields).encode()))


@given(seeds, st.integers(0, 2**32))
@settings(max_examples=300)
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
