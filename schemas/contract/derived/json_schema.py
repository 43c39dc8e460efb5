"""JSON Schema (2020-12) of the readings and tables that a contract accepts, and of the lines that answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.contract.derived.descriptions import described
from rookery.schemas.contract.example import example_fields, example_value
from rookery.schemas.contract.reading_classes import MAX_ROWS
from rookery.schemas.contract.types import MAX_CATEGORY, MAX_IDENTITY
from rookery.schemas.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.feature import Feature

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# Dialects differ in what ends a text, so that the forbidden characters are named instead of the allowed ones.
_IDENTITY: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_IDENTITY,
    "not": {"type": "string", "pattern": "[\\u0000-\\u001f\\u007f-\\u009f]"},
}
_MOMENT: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,30})?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
}
_FIELDS: Final[dict[str, Schema]] = {
    "reading_id": _IDENTITY | {"description": "identity of the reading, whose redeliveries are duplicates"},
    "device_id": _IDENTITY | {"description": "the device that made the reading"},
    "observed_at": _MOMENT | {"description": "time of the observation, by RFC 3339 with its offset from UTC"},
}


def json_schema(contract: Contract) -> Schema:
    """A payload of a message: one reading, or a table of readings."""
    return {
        "$schema": DIALECT,
        "title": contract.name,
        "description": contract.description,
        "anyOf": [reading_schema(contract), table_schema(contract)],
    }


def reading_schema(contract: Contract) -> Schema:
    """One reading, exactly as a worker accepts it, but for integers: JSON Schema takes 5.0 for one, and a worker does not."""
    members = {feature.name: _value(contract, feature) for feature in contract.features}
    required = [feature.name for feature in contract.features if feature.required]
    return {
        "title": "Reading",
        "description": "One reading; anything unknown is null or left out.",
        "type": "object",
        "properties": {
            name: schema if name in required else _or_null(schema)
            for name, schema in (members | _FIELDS).items()
        },
        "required": required,
        "additionalProperties": False,
        **_groups(contract.at_least_one_of),
        "examples": [example_fields(contract)],
    }


def table_schema(contract: Contract) -> Schema:
    """A table of which every row is accepted; that its columns are of equal length is beyond JSON Schema."""
    required = [feature.name for feature in contract.features if feature.required]
    members = {feature.name: _value(contract, feature) for feature in contract.features}
    columns = {
        name: {
            "type": "array",
            "items": schema if name in required else _or_null(schema),
            "minItems": 1,
            "maxItems": MAX_ROWS,
        }
        for name, schema in (members | _FIELDS).items()
    }
    return {
        "title": "ReadingTable",
        "description": "Readings column by column, of equal length; an unknown cell is null. A bad row is refused alone.",
        "type": "object",
        "properties": {
            name: schema if name in required else _or_null(schema) for name, schema in columns.items()
        },
        "required": required,
        "additionalProperties": False,
        "minProperties": 1,
        **_groups(contract.at_least_one_of),
        "examples": [{name: [value] * 2 for name, value in example_fields(contract).items()}],
    }


def prediction_schema(contract: Contract) -> Schema:
    """One answered reading, as a line of the results."""
    schema = Prediction.model_json_schema(mode="serialization")
    properties: Schema = {}
    for name, each in schema["properties"].items():
        if name == "probability":
            properties[contract.target] = {"enum": [*contract.labels], "description": "the answer"}
        properties[name] = {key: value for key, value in each.items() if key not in {"title", "default"}}
    properties["probability"] = _SHARE | {"description": "probability of the answer"}
    properties["probabilities"] = _probabilities(contract)
    properties["missing"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "features that the reading lacked",
    }
    return {
        "title": "Prediction",
        "type": "object",
        "properties": properties,
        "required": [*schema["required"], contract.target],
    }


_SHARE: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}


def _probabilities(contract: Contract) -> Schema:
    if contract.labels_are_columns:
        return {
            "type": "object",
            "properties": dict.fromkeys(contract.labels, _SHARE),
            "required": [*contract.labels],
        }
    return {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"label": {"enum": [*contract.labels]}, "share": _SHARE},
            "required": ["label", "share"],
        },
    }


def _value(contract: Contract, feature: Feature) -> Schema:
    """The values of a feature, null left aside."""
    about: Schema = {"description": text} if (text := described(feature)) else {}
    about["examples"] = [example_value(feature)]
    if feature.kind == "flag":
        return {"type": "boolean", **about}
    if feature.kind == "category":
        if contract.takes_unknown(feature):
            return {"type": "string", "maxLength": MAX_CATEGORY, **about}
        return {"enum": [*feature.categories], **about}
    least, most, whole = feature.range
    if whole:
        return {"type": "integer", "minimum": int(least), "maximum": int(most), **about}
    return {"type": "number", "minimum": least, "maximum": most, **about}


def _or_null(schema: Schema) -> Schema:
    if "enum" in schema:
        return schema | {"enum": [*schema["enum"], None]}
    return schema | {"type": [schema["type"], "null"]}


def _groups(groups: Sequence[Sequence[str]]) -> Schema:
    """Of each group one feature is there and not null."""
    if not groups:
        return {}
    return {
        "allOf": [
            {
                "anyOf": [
                    {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in group
                ]
            }
            for group in groups
        ]
    }
