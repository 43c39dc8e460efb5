"""The contract: what it refuses to say, and what the shipped one says."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.contract import RESERVED, Contract, InvalidContractError, read_contract
from rookery.schemas.contract.default import default_compiled, default_contract
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Rejection

SAID: dict[str, Any] = {
    "name": "wells",
    "target": "verdict",
    "labels": ["yes", "no"],
    "features": [
        {"name": "pH value", "least": 0, "most": 14},
        {"name": "depth", "kind": "integer", "required": True},
        {
            "name": "soil",
            "kind": "category",
            "categories": ["null", "clay, wet"],
            "spellings": {"mud": "clay, wet"},
        },
        {"name": "fenced", "kind": "flag"},
    ],
    "at_least_one_of": [["pH value", "soil"]],
}


def contract(**changes: Any) -> Contract:
    return read_contract(json.dumps(SAID | changes), source="wells.json")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": ["yes", "yes"]}, "labels are named once: yes"),
        ({"labels": ["yes"]}, "labels: "),
        ({"features": []}, "features: "),
        ({"features": [{"name": "a"}, {"name": "a"}]}, "features are named once: a"),
        ({"features": [{"name": "a", "least": 3, "most": 2}]}, "least 3 is more than most 2"),
        ({"features": [{"name": "a", "kind": "integer", "least": 0.5}]}, "bounds of an integer are whole"),
        ({"features": [{"name": "a", "most": 1e39}]}, "bounds of at most 3.4"),
        ({"features": [{"name": "a", "kind": "flag", "least": 0}]}, "least and most are of numbers"),
        ({"features": [{"name": "a", "kind": "category"}]}, "categories are needed"),
        ({"features": [{"name": "a", "categories": ["b"]}]}, "a number has no categories"),
        ({"features": [{"name": "a", "most": 2, "example": 3}]}, "its example 3 is none of its values"),
        ({"features": [{"name": "a\n"}]}, "features.0.name"),
        ({"features": [{"name": "device_id"}]}, "fields of every reading"),
        ({"target": "probability"}, "another field of a result line"),
        ({"target": "pH value"}, "target: "),
        ({"at_least_one_of": [["deep"]]}, "at_least_one_of: deep is no feature"),
        ({"chart": {"x": "pH value", "y": "soil"}}, "chart: soil is no numeric feature"),
        ({"labels": ["a", "b", "c"], "threshold": 0.5}, "threshold: it is for two labels"),
        ({"threshold": 1.0}, "threshold: "),
        ({"surprise": 1}, "surprise: "),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused_with_the_reason(
    change: dict[str, Any], reason: str
) -> None:
    """Names said twice, bounds the wrong way round, unknown names: each is one of the reasons."""
    with pytest.raises(InvalidContractError) as refused:
        contract(**({"at_least_one_of": []} if "features" in change else {}) | change)
    assert any(reason in each for each in refused.value.reasons)


def test_a_target_is_no_other_field_of_a_line() -> None:
    """Every field of a result line is reserved, so that no answer takes the place of another field."""
    assert {*Prediction.model_fields} | {*Rejection.model_fields} == RESERVED


def test_the_shipped_contract_survives_its_own_json() -> None:
    """A contract that is written and read is the same contract."""
    shipped = default_contract()
    assert read_contract(shipped.model_dump_json(), source="itself") == shipped


def test_readings_are_validated_by_the_contract_alone() -> None:
    """Bounds, kinds, categories and required features are the contract's, and every broken rule is named."""
    compiled = CompiledContract(contract())
    assert compiled.validate_fields(b'{"pH value": 7, "depth": 3, "soil": "null", "fenced": true}') == {
        "pH value": 7.0,
        "depth": 3,
        "soil": "null",
        "fenced": True,
    }
    with pytest.raises(ValidationError) as refused:
        compiled.validate_fields(b'{"pH value": 15, "soil": "loam", "fenced": 1, "wet": null}')
    assert sorted(str(each["loc"][0]) for each in refused.value.errors()) == [
        "depth",
        "fenced",
        "pH value",
        "soil",
        "wet",
    ]


def test_a_group_of_which_a_reading_has_nothing_is_named() -> None:
    """Of each group of features one is needed."""
    compiled = CompiledContract(contract())
    assert compiled.lacking({"depth": 3}) == ("pH value", "soil")
    assert compiled.lacking({"soil": "null"}) is None


def test_numbers_beyond_the_matrix_are_refused() -> None:
    """A number that float32 would turn into infinity is refused, whatever the contract leaves open."""
    compiled = CompiledContract(contract(features=[{"name": "a"}], at_least_one_of=[]))
    assert compiled.validate_fields(b'{"a": -3.4e38}') == {"a": -3.4e38}
    with pytest.raises(ValidationError):
        compiled.validate_fields(b'{"a": 3.5e38}')


def test_rows_and_columns_are_encoded_alike() -> None:
    """A category is its place among the words, a flag 0 or 1, and what is missing NaN, by row and by column."""
    compiled = CompiledContract(contract())
    rows = [
        {"pH value": 7.5, "depth": 3, "soil": "clay, wet", "fenced": True},
        {"depth": -2, "soil": None, "fenced": False},
    ]
    matrix = compiled.fields_matrix(rows)
    np.testing.assert_array_equal(
        matrix, np.array([[7.5, 3, 1, 1], [np.nan, -2, np.nan, 0]], dtype=np.float32)
    )
    columns = {name: [row.get(name) for row in rows] for name in compiled.names}
    np.testing.assert_array_equal(compiled.columns_matrix(columns, 2), matrix)
    assert compiled.missing(matrix[1].tolist()) == ("pH value", "soil")


def test_an_unknown_category_counts_as_missing_where_the_contract_says_so() -> None:
    """A word that the contract does not know is refused, or it is a missing value."""
    lenient = CompiledContract(contract(unknown_categories="missing"))
    fields = lenient.validate_fields(b'{"depth": 1, "soil": "loam"}')
    assert lenient.missing(lenient.fields_matrix([fields])[0].tolist()) == ("pH value", "soil", "fenced")
    with pytest.raises(ValidationError):
        CompiledContract(contract()).validate_fields(b'{"depth": 1, "soil": "loam"}')


def test_an_unknown_category_of_a_required_feature_is_refused() -> None:
    """A feature that is required is never missing, so that its unknown words are refused in any case."""
    soil = {"name": "soil", "kind": "category", "categories": ["clay"], "required": True}
    said = contract(features=[soil], at_least_one_of=[], unknown_categories="missing")
    with pytest.raises(ValidationError):
        CompiledContract(said).validate_fields(b'{"soil": "loam"}')


def test_a_contract_of_one_feature_is_encoded() -> None:
    """One feature makes a matrix of one column."""
    compiled = CompiledContract(contract(features=[{"name": "a"}], at_least_one_of=[]))
    assert compiled.fields_matrix([{"a": 1.0}, {}]).tolist()[0] == [1.0]


def test_the_shipped_contract_is_compiled_once() -> None:
    """Validators are not made anew for each reader."""
    assert default_compiled() is default_compiled()
    assert default_compiled().validate_fields is default_compiled().validate_fields


def test_readings_of_a_contract_that_was_read_twice_are_equal() -> None:
    """A reading is its values, whichever copy of the contract made it, and so is a table."""
    one, other = CompiledContract(contract()), CompiledContract(contract())
    values = {"pH value": 7.0, "depth": 3}
    assert one.reading(**values) == other.reading(**values) != other.reading(**values, reading_id="a")
    assert len({one.reading(**values), other.reading(**values)}) == 1
    columns = {name: [value] for name, value in values.items()}
    assert one.table(**columns) == other.table(**columns) != other.table(**columns, reading_id=["a"])
