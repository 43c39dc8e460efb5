"""BigQuery schema of the table that result lines are written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.contract.contract import are_columns
from rookery.schemas.contract.derived.descriptions import described

if TYPE_CHECKING:
    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.feature import Feature

Column = dict[str, Any]

_MOST_COLUMNS: Final = 9_000
"""Columns of one table, 10,000 in BigQuery, less those of labels and identity."""

_TYPES: Final = {"number": "FLOAT", "integer": "FLOAT", "category": "STRING", "flag": "BOOLEAN"}


def bigquery_schema(contract: Contract) -> list[Column]:
    """Describe a result line: the answer in a column of the target's name, one share a label.

    Labels that cannot be columns are rows of label and share; features that cannot are one JSON column. A model without
    a rule for it leaves `out_of_distribution` null, and any model may take another's place, so that null is possible.
    """
    return [
        _needed("reading_id", "STRING"),
        _needed("message_id", "STRING"),
        {"name": "row", "type": "INTEGER"},
        {"name": "device_id", "type": "STRING"},
        {"name": "observed_at", "type": "TIMESTAMP"},
        _needed(contract.target, "STRING"),
        _needed("probability", "FLOAT"),
        _probabilities(contract),
        {"name": "out_of_distribution", "type": "BOOLEAN"},
        {"name": "missing", "type": "STRING", "mode": "REPEATED"},
        _needed("model", "STRING"),
        {"name": "published_at", "type": "TIMESTAMP"},
        _needed("predicted_at", "TIMESTAMP"),
        _features(contract),
    ]


def _needed(name: str, kind: str) -> Column:
    return {"name": name, "type": kind, "mode": "REQUIRED"}


def _probabilities(contract: Contract) -> Column:
    record: Column = {"name": "probabilities", "type": "RECORD"}
    if contract.labels_are_columns:
        return record | {"mode": "REQUIRED", "fields": [_needed(label, "FLOAT") for label in contract.labels]}
    return record | {"mode": "REPEATED", "fields": [_needed("label", "STRING"), _needed("share", "FLOAT")]}


def _features(contract: Contract) -> Column:
    if are_columns(contract.names) and len(contract.names) <= _MOST_COLUMNS:
        return {"name": "features", "type": "RECORD", "fields": [*map(_feature, contract.features)]}
    return {"name": "features", "type": "JSON"}


def _feature(feature: Feature) -> Column:
    about = {"description": text[:_LONGEST_TEXT]} if (text := described(feature)) else {}
    return {"name": feature.name, "type": _TYPES[feature.kind], **about}


_LONGEST_TEXT: Final = 1_024
"""Characters of a column's description."""
