"""Synthetic readings: valid and invalid ones of any contract, from a seed."""

from __future__ import annotations

import json
from itertools import islice
from statistics import fmean
from typing import Any

import pytest

from rookery.schemas.artifact import Cluster, Golden, ModelCard, OutlierRule
from rookery.schemas.codec import DecodedTable, decode, encode
from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.contract import Contract
from rookery.schemas.contract.default import default_contract
from rookery.schemas.rejection import UnusableReadingError
from rookery.schemas.testing import KINDS, ReadingFactory, card_likeness, invalid_examples, invalid_kinds
from tests.schemas.contract.random_contracts import RandomContracts


def wells(**changes: Any) -> Contract:
    said: dict[str, Any] = {
        "name": "wells",
        "target": "verdict",
        "labels": ["good", "bad"],
        "features": [{"name": "depth", "unit": "m"}, {"name": "age", "kind": "integer", "least": 0}],
    }
    return Contract.model_validate_json(json.dumps(said | changes))


def is_valid(compiled: CompiledContract, payload: bytes) -> bool:
    try:
        decoded = decode(payload, compiled)
    except UnusableReadingError:
        return False
    return not isinstance(decoded, DecodedTable) or decoded.table is not None


def test_synthetic_readings_of_any_contract_are_valid() -> None:
    """Bounds, kinds, categories, required features and groups are kept, whatever the contract says."""
    source = RandomContracts(5)
    for seed in range(150):
        compiled = CompiledContract(source.contract())
        factory = ReadingFactory(seed, compiled)
        for _ in range(10):
            fields = factory.fields()
            assert is_valid(compiled, json.dumps(fields).encode()), (fields, compiled.contract)
            assert tuple(fields) == compiled.names


def test_invalid_examples_of_any_contract_are_refused() -> None:
    """Each payload breaks a rule of its contract; kinds that cannot occur are skipped, and none is left over."""
    source = RandomContracts(6)
    met: set[str] = set()
    for seed in range(150):
        compiled = CompiledContract(source.contract())
        for one in islice(invalid_examples(seed, compiled), 42):
            assert not is_valid(compiled, one.payload), (one, compiled.contract)
            met.add(one.kind)
    assert met == {*KINDS, "required feature missing"}


def test_readings_and_tables_of_any_contract_survive_the_codec() -> None:
    """Built readings and tables are of their contract's classes, under its names, and are decoded as they were built."""
    source = RandomContracts(7)
    for seed in range(50):
        compiled = CompiledContract(source.contract())
        factory = ReadingFactory(seed, compiled)
        reading = factory.reading(reading_id="one")
        assert decode(encode(reading), compiled) == reading
        table = factory.table(3, prefix="t")
        decoded = decode(encode(table), compiled)
        assert isinstance(decoded, DecodedTable)
        assert decoded.table == table
        assert [table.row(nth).reading_id for nth in range(3)] == ["t-0", "t-1", "t-2"]


def test_a_kind_that_a_contract_cannot_break_is_skipped() -> None:
    """A contract without categories has no unknown one, and one without bounds no negative number that is refused."""
    kinds = invalid_kinds(CompiledContract(wells(features=[{"name": "depth"}])))
    assert not {"unknown category", "fractional integer", "negative", "no feature of a group"} & {*kinds}
    assert {"empty", "NaN", "beyond bounds", "unknown field", "several at once"} <= {*kinds}


def test_readings_of_the_shipped_data_set_are_like_their_label() -> None:
    """Measurements lie about the means of their label, and a label stays where it was observed."""
    factory = ReadingFactory(1)
    gentoos = [factory.fields("Gentoo") for _ in range(300)]
    assert fmean(each["flipper_length_mm"] for each in gentoos) == pytest.approx(217, abs=2)
    assert {each["island"] for each in gentoos} == {"Biscoe"}
    assert {each["sex"] for each in gentoos} == {"female", "male"}


def test_the_same_seed_gives_the_same_readings() -> None:
    """A failure over synthetic readings of any contract can be repeated."""
    compiled = CompiledContract(wells())
    assert [ReadingFactory(3, compiled).fields() for _ in range(2)] == [
        ReadingFactory(3, compiled).fields() for _ in range(2)
    ]
    assert ReadingFactory(3, compiled).fields() != ReadingFactory(4, compiled).fields()


def test_readings_may_be_like_those_that_a_model_was_trained_on() -> None:
    """The clusters of a model's card say where the measurements of each label lie, within the contract's bounds."""
    contract = wells()
    clusters = (
        Cluster(mean=(0.02, 40.0), covariance=((1e-6, 0.0), (0.0, 4.0))),
        Cluster(mean=(9.0, 1.0), covariance=((1.0, 0.0), (0.0, 4.0))),
    )
    card = ModelCard(
        contract=contract,
        xgboost_version="3.2.0",
        rounds=1,
        golden=Golden(rows=(), margins=(), probabilities=(), out_of_distribution=()),
        outliers=OutlierRule(features=contract.names, clusters=clusters, limits=(1.0, 1.0, 1.0)),
    )
    factory = ReadingFactory(2, CompiledContract(contract), likeness=card_likeness(card))
    good = [factory.fields("good") for _ in range(200)]
    bad = [factory.fields("bad") for _ in range(200)]
    assert all(0.017 <= each["depth"] <= 0.023 and 34 <= each["age"] <= 46 for each in good)
    assert all(6 <= each["depth"] <= 12 and 0 <= each["age"] <= 7 for each in bad)
    assert len({each["depth"] for each in good}) > 20


def test_a_likeness_that_the_contract_refuses_is_not_used() -> None:
    """A contract that has the name of the shipped one, but other categories, still gets valid readings."""
    islands = {"name": "island", "kind": "category", "categories": ["Skye"]}
    said = wells(name=default_contract().name, labels=["Adelie", "Gentoo"], features=[islands])
    assert ReadingFactory(1, CompiledContract(said)).fields() == {"island": "Skye"}
