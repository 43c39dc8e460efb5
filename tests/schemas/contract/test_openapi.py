"""OpenAPI: the document of the worker's HTTP face."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from rookery.schemas.codec import decode
from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.default import default_contract
from rookery.schemas.contract.derived.openapi import openapi
from rookery.schemas.envelope import wrapped
from tests.schemas.contract.random_contracts import RandomContracts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.schemas.contract.contract import Contract

CONTRACTS = [default_contract(), *(RandomContracts(seed).contract() for seed in range(5))]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        value = [*value.values()]
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def validator(document: dict[str, Any], name: str) -> Draft202012Validator:
    return Draft202012Validator({**document, "$ref": f"#/components/schemas/{name}"})


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_schema_is_one_and_every_reference_leads_to_one(contract: Contract) -> None:
    """Schemas are valid JSON Schema, and all that refers to one finds it."""
    document = json.loads(json.dumps(openapi(contract)))
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert {each.removeprefix("#/components/schemas/") for each in references(document)} <= schemas.keys()


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_example_bodies_are_accepted(contract: Contract) -> None:
    """A reader who sends an example as it stands gets an answer, not a refusal."""
    document, compiled = openapi(contract), CompiledContract(contract)
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    for name, kind in (("reading", "Reading"), ("table", "ReadingTable")):
        example = content["examples"][name]["value"]
        assert validator(document, kind).is_valid(example)
        assert decode(json.dumps(example).encode(), compiled)
    push = document["paths"]["/"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert validator(document, "PushEnvelope").is_valid(push)
    payload = wrapped(json.dumps(push).encode()).payload
    assert payload == base64.b64decode(push["message"]["data"])
    assert decode(payload, compiled)


def test_the_contract_is_described_as_it_is_written() -> None:
    """The answer of `GET /contract` is valid by the document's schema of it."""
    document = openapi(default_contract())
    assert validator(document, "Contract").is_valid(json.loads(default_contract().model_dump_json()))


def test_answers_are_described_by_the_contract() -> None:
    """Predictions and rejections stand in one answer, the prediction under the contract's target."""
    document = openapi(default_contract())
    rejection = {
        "reasons": [{"field": "a", "rule": "unknown field", "value": None}],
        "original": "e30=",
        "reading_id": "1",
        "message_id": "1",
        "row": None,
        "device_id": None,
        "published_at": None,
        "rejected_at": "2026-11-23T12:00:00Z",
        "delivery_attempt": None,
        "revision": "r",
        "attributes": {},
    }
    answers = validator(document, "Answers")
    assert answers.is_valid({"predictions": [], "rejections": [rejection]})
    assert not answers.is_valid({"predictions": [{}], "rejections": []})
    assert "species" in document["components"]["schemas"]["Prediction"]["required"]


def test_a_worker_that_pulls_takes_no_posts() -> None:
    """With pull the document has the pages alone."""
    pages = {"/contract", "/openapi.json", "/docs", "/readyz", "/livez", "/metrics"}
    assert {*openapi(default_contract())["paths"]} == pages | {"/", "/predict"}
    assert {*openapi(default_contract(), pushed=False)["paths"]} == pages
