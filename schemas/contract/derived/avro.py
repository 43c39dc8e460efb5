"""Avro schema of a contract's readings, for a Pub/Sub topic that refuses every message which is not one whole reading."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.contract.derived.descriptions import described
from rookery.schemas.contract.derived.errors import UnsupportedContractError
from rookery.schemas.contract.feature import IDENTITY

if TYPE_CHECKING:
    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.feature import Feature

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INT: Final = 2**31
_RECORD: Final = "Reading"


def avro_schema(contract: Contract) -> dict[str, Any]:
    """Describe one whole reading: Avro's JSON has no values left out, so that every field is needed.

    Raises UnsupportedContractError where a feature's name is none in Avro. The names of fields are those of the messages'
    JSON, so that another spelling of one would refuse every message. Categories whose words are no Avro symbols are text.
    """
    if odd := [name for name in contract.names if not _NAME.fullmatch(name)]:
        raise UnsupportedContractError(
            f"Avro takes letters, digits and underscores in a name: {', '.join(odd)} cannot be a field"
        )
    named = {_RECORD}
    return {
        "type": "record",
        "name": _RECORD,
        "namespace": "rookery",
        "doc": f"One whole reading of {contract.name}. Every field is needed; see the variable enforce_schema.",
        "fields": [
            *(_field(feature, _type(contract, feature, named)) for feature in contract.features),
            *({"name": name, "type": "string"} for name in IDENTITY),
        ],
    }


def _field(feature: Feature, kind: Any) -> dict[str, Any]:
    doc = {"doc": text} if (text := described(feature)) else {}
    return {"name": feature.name, "type": kind, **doc}


def _type(contract: Contract, feature: Feature, named: set[str]) -> Any:
    if feature.kind == "flag":
        return "boolean"
    if feature.kind == "number":
        return "double"
    if feature.kind == "integer":
        least, most, _ = feature.range
        return "int" if least >= -_INT and most < _INT else "long"
    if contract.takes_unknown(feature) or not all(map(_NAME.fullmatch, feature.categories)):
        return "string"
    return {"type": "enum", "name": _enum_name(feature, named), "symbols": [*feature.categories]}


def _enum_name(feature: Feature, named: set[str]) -> str:
    """A type's name after its feature; each type has one of its own."""
    name = feature.name[0].upper() + feature.name[1:]
    while name in named:
        name += "_"
    named.add(name)
    return name
