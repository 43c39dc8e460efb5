"""JSON Schema: what it accepts is what the contract accepts."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rookery.schemas.codec import DecodedTable, decode
from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.default import default_compiled, default_contract
from rookery.schemas.contract.derived.json_schema import (
    json_schema,
    prediction_schema,
    reading_schema,
    table_schema,
)
from rookery.schemas.rejection import UnusableReadingError
from rookery.schemas.testing import ReadingFactory, invalid_examples
from tests.schemas.contract.random_contracts import RandomContracts

BEYOND = {"not JSON", "not UTF-8", "empty", "uneven table", "NaN", "infinite"}
"""Kinds of payloads that are no JSON, or that differ from valid ones in the length of columns alone."""


def accepted(compiled: CompiledContract, fields: dict[str, Any]) -> bool:
    try:
        decode(json.dumps(fields).encode(), compiled)
    except UnusableReadingError:
        return False
    return True


def whole_fraction(fields: dict[str, Any], compiled: CompiledContract) -> bool:
    """Whether a whole number is written with a fraction: JSON Schema takes 5.0 for an integer."""
    integers = [each.name for each in compiled.contract.features if each.kind == "integer"]
    return any(isinstance(fields.get(name), float) for name in integers)


def test_a_schema_accepts_exactly_the_readings_that_the_contract_accepts() -> None:
    """Over random contracts and readings at their edges, JSON Schema and decoder agree, both ways."""
    source = RandomContracts(21)
    verdicts = {True: 0, False: 0}
    for _ in range(150):
        compiled = CompiledContract(source.contract())
        validator = Draft202012Validator(reading_schema(compiled.contract))
        neighbour = source.variant(compiled.contract)
        for _ in range(20):
            fields = source.reading(source.random.choice((compiled.contract, neighbour)))
            if whole_fraction(fields, compiled):
                continue
            valid = accepted(compiled, fields)
            verdicts[valid] += 1
            assert validator.is_valid(fields) is valid, (fields, compiled.contract)
    assert min(verdicts.values()) > 300, verdicts


def test_invalid_examples_are_refused_by_the_schema() -> None:
    """Every kind of invalid payload that is JSON is refused, as a reading and as a table."""
    source = RandomContracts(22)
    for seed in range(60):
        compiled = CompiledContract(source.contract())
        validator = Draft202012Validator(json_schema(compiled.contract))
        for one in islice(invalid_examples(seed, compiled), 25):
            if one.kind not in BEYOND:
                assert not validator.is_valid(json.loads(one.payload)), (one, compiled.contract)


def test_a_schema_accepts_tables_whose_rows_are_all_accepted() -> None:
    """Built tables are valid; a wrong cell, an unknown column and an empty column are not."""
    source = RandomContracts(23)
    for seed in range(60):
        compiled = CompiledContract(source.contract())
        validator = Draft202012Validator(table_schema(compiled.contract))
        Draft202012Validator.check_schema(validator.schema)
        table = ReadingFactory(seed, compiled).table(3, prefix="t").columns
        decoded = decode(json.dumps(table).encode(), compiled)
        assert isinstance(decoded, DecodedTable)
        assert not decoded.refused
        assert validator.is_valid(table)
        name = next(iter(table))
        assert not validator.is_valid({**table, name: []})
        assert not validator.is_valid({**table, name: [*table[name], {}]})
        assert not validator.is_valid({**table, "surprise": [1, 2, 3]})
        assert not validator.is_valid({})


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({"reading_id": "a" * 200, "observed_at": "2026-11-23T12:00:00Z"}, True),
        ({"observed_at": "2026-11-23 12:00:00.5+01:00", "device_id": None}, True),
        ({"reading_id": ""}, False),
        ({"reading_id": "a" * 201}, False),
        ({"device_id": "a\n"}, False),
        ({"device_id": "a\x9b"}, False),
        ({"observed_at": "2026-11-23T12:00:00"}, False),
        ({"observed_at": "2026-11-23"}, False),
    ],
)
def test_identity_fields_are_in_the_schema(change: dict[str, Any], *, valid: bool) -> None:
    """Ids are bounded and without control characters, and a time has its offset, in decoder and schema alike."""
    fields = ReadingFactory(1).fields() | change
    assert accepted(default_compiled(), fields) is valid
    assert Draft202012Validator(reading_schema(default_contract())).is_valid(fields) is valid


def test_descriptions_give_units_and_examples() -> None:
    """A reader of the schema learns what a feature is, in which unit, and a likely value."""
    name = "bill_length_mm"
    schema = reading_schema(default_contract())["properties"][name]
    assert schema["description"] == "length of the bill (culmen), in mm"
    assert schema["examples"] == [39.1]
    assert (schema["minimum"], schema["maximum"]) == (5, 150)


def test_a_result_line_is_described_by_target_and_labels() -> None:
    """The answer stands under the contract's target, and probabilities are an object, or an array of odd labels."""
    source = RandomContracts(24)
    shipped = Draft202012Validator(prediction_schema(default_contract()))
    line = {
        "reading_id": "a",
        "message_id": "1",
        "species": "Gentoo",
        "probability": 0.9,
        "probabilities": {"Adelie": 0.05, "Chinstrap": 0.05, "Gentoo": 0.9},
        "out_of_distribution": None,
        "missing": ["sex"],
        "model": "d",
        "predicted_at": "2026-11-23T12:00:00Z",
    }
    assert shipped.is_valid(line)
    assert not shipped.is_valid({**line, "species": "Emperor"})
    assert not shipped.is_valid({**line, "probabilities": {"Adelie": 1.0}})
    odd = source.contract().model_copy(update={"target": "species", "labels": ("a b", "Gentoo")})
    listed = Draft202012Validator(prediction_schema(odd))
    shares = [{"label": "a b", "share": 0.1}, {"label": "Gentoo", "share": 0.9}]
    assert listed.is_valid({**line, "probabilities": shares})
    assert not listed.is_valid(line)
