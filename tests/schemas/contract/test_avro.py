"""Avro: the schema of a topic that takes whole readings alone."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from rookery.schemas.contract.contract import Contract
from rookery.schemas.contract.default import default_contract
from rookery.schemas.contract.derived.avro import avro_schema
from rookery.schemas.contract.derived.errors import UnsupportedContractError


def types(features: list[dict[str, Any]], **said: Any) -> dict[str, Any]:
    text = json.dumps(
        {"name": "wells", "target": "verdict", "labels": ["a", "b"], "features": features, **said}
    )
    schema = avro_schema(Contract.model_validate_json(text))
    return {each["name"]: each["type"] for each in schema["fields"]}


def test_each_kind_has_its_type() -> None:
    """Numbers are doubles, whole ones as wide as their bounds, categories enums with the words as symbols."""
    assert types(
        [
            {"name": "depth"},
            {"name": "age", "kind": "integer", "least": 0, "most": 200},
            {"name": "count", "kind": "integer"},
            {"name": "fenced", "kind": "flag"},
            {"name": "soil", "kind": "category", "categories": ["clay", "sand"]},
        ]
    ) == {
        "depth": "double",
        "age": "int",
        "count": "long",
        "fenced": "boolean",
        "soil": {"type": "enum", "name": "Soil", "symbols": ["clay", "sand"]},
        "reading_id": "string",
        "device_id": "string",
        "observed_at": "string",
    }


def test_categories_that_are_no_symbols_are_text() -> None:
    """Avro's symbols are names, so that other words, and a contract that takes any word, have text."""
    soil = {"name": "soil", "kind": "category", "categories": ["clay, wet", "sand"]}
    assert types([soil])["soil"] == "string"
    assert types([soil | {"categories": ["sand"]}], unknown_categories="missing")["soil"] == "string"


def test_types_have_names_of_their_own() -> None:
    """Two features that differ in a capital, or one named like the record, do not define one type twice."""
    words = {"kind": "category", "categories": ["x"]}
    names = ("reading", "soil", "Soil")
    said = types([{"name": name, **words} for name in names])
    defined = ["Reading", *(said[name]["name"] for name in names)]
    assert len({*defined}) == len(defined)
    assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) for name in defined)


def test_a_name_that_avro_does_not_take_is_refused() -> None:
    """A message's JSON has the contract's own names, so that another spelling would refuse every message."""
    with pytest.raises(UnsupportedContractError, match=r"sepal length \(cm\) cannot be a field"):
        types([{"name": "sepal length (cm)"}])


def test_units_are_in_the_schema() -> None:
    """A field's doc is the feature's description with its unit."""
    fields = {each["name"]: each for each in avro_schema(default_contract())["fields"]}
    assert fields["body_mass_g"]["doc"] == "body mass, in g"
