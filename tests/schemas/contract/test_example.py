"""The example of a contract."""

from __future__ import annotations

import json

from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.default import default_contract
from rookery.schemas.contract.example import example_fields
from tests.schemas.contract.random_contracts import RandomContracts


def test_the_example_of_any_contract_is_a_valid_reading() -> None:
    """Bounds, categories, required features and groups are kept by an example, and no feature is left out."""
    source = RandomContracts(3)
    for _ in range(500):
        compiled = CompiledContract(source.contract())
        fields = example_fields(compiled.contract)
        assert compiled.lacking(compiled.validate_fields(json.dumps(fields).encode())) is None
        assert tuple(fields) == compiled.names


def test_the_shipped_example_is_a_likely_reading() -> None:
    """Documents show a reading that is near known ones, not the middle of what is possible."""
    assert example_fields(default_contract()) == {
        "bill_length_mm": 39.1,
        "bill_depth_mm": 18.7,
        "flipper_length_mm": 181.0,
        "body_mass_g": 3750.0,
        "year": 2007,
        "sex": "male",
        "island": "Torgersen",
    }
