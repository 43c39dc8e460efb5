"""BigQuery: the schema of the table of result lines."""

from __future__ import annotations

import json
from typing import Any

from rookery.schemas.contract.contract import Contract
from rookery.schemas.contract.default import default_contract
from rookery.schemas.contract.derived.bigquery import bigquery_schema
from rookery.schemas.prediction import Prediction


def columns(**said: Any) -> dict[str, dict[str, Any]]:
    base = {"name": "wells", "target": "verdict", "labels": ["a", "b"], "features": [{"name": "depth"}]}
    schema = bigquery_schema(Contract.model_validate_json(json.dumps(base | said)))
    return {each["name"]: each for each in schema}


def test_columns_are_the_fields_of_a_line_in_order() -> None:
    """A line's fields are the table's columns, the answer under the contract's target, and none is left out."""
    fields = [*Prediction.model_fields]
    fields.insert(fields.index("probability"), default_contract().target)
    assert [each["name"] for each in bigquery_schema(default_contract())] == fields


def test_a_column_is_required_where_no_line_lacks_it() -> None:
    """Required are the answer and each field that every line has, with a value."""
    required = {name for name, each in columns().items() if each.get("mode") == "REQUIRED"}
    always = {name for name, each in Prediction.model_fields.items() if each.is_required()}
    assert required == {"verdict", *always} - {"out_of_distribution"}


def test_labels_are_columns_or_rows() -> None:
    """Labels that can be columns have one each; others are repeated rows of label and share."""
    shares = columns()["probabilities"]
    assert shares["mode"] == "REQUIRED"
    assert [each["name"] for each in shares["fields"]] == ["a", "b"]
    for labels in (["1", "2"], ["yes please", "no"], ["a", "A"]):
        rows = columns(labels=labels)["probabilities"]
        assert rows["mode"] == "REPEATED"
        assert [(each["name"], each["type"]) for each in rows["fields"]] == [
            ("label", "STRING"),
            ("share", "FLOAT"),
        ]


def test_features_are_columns_or_json() -> None:
    """A sampled reading has a column a feature, and is JSON where a name can be no column."""
    features = [
        {"name": "depth", "unit": "m"},
        {"name": "age", "kind": "integer"},
        {"name": "fenced", "kind": "flag"},
        {"name": "soil", "kind": "category", "categories": ["x"]},
    ]
    assert columns(features=features)["features"]["fields"] == [
        {"name": "depth", "type": "FLOAT", "description": "in m"},
        {"name": "age", "type": "FLOAT"},
        {"name": "fenced", "type": "BOOLEAN"},
        {"name": "soil", "type": "STRING"},
    ]
    assert columns(features=[*features, {"name": "pH value"}])["features"] == {
        "name": "features",
        "type": "JSON",
    }
