"""Compatibility: which contract can take another's place while readings arrive."""

from __future__ import annotations

import json
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from rookery.schemas.contract.compatibility import accepts, incompatibilities
from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.contract import Contract
from rookery.schemas.contract.default import default_contract
from tests.schemas.contract.random_contracts import RandomContracts

if TYPE_CHECKING:
    from collections.abc import Mapping

PAIRS = 10_000
FAMILY = 8


def taken(compiled: CompiledContract, fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """A reading as the contract decodes it, None where it refuses it."""
    try:
        decoded = compiled.validate_fields(json.dumps(fields).encode())
    except ValidationError:
        return None
    return decoded if compiled.lacking(decoded) is None else None


def contract(features: list[dict[str, Any]], **said: Any) -> Contract:
    text = json.dumps(
        {"name": "wells", "target": "verdict", "labels": ["yes", "no"], **said, "features": features}
    )
    return Contract.model_validate_json(text)


def test_ten_thousand_random_pairs_are_decided_correctly() -> None:
    """An accepted pair loses no reading and encodes each; a refused pair has a reading that shows every reason."""
    source = RandomContracts(11)
    counts = {"accepted": 0, "readings": 0, "witnesses": 0}
    pairs = 0
    while pairs < PAIRS:
        family = [source.contract()]
        family += [source.variant(source.random.choice(family)) for _ in range(FAMILY)]
        for old, new in permutations([CompiledContract(each) for each in family], 2):
            pairs += 1
            reasons = incompatibilities(old.contract, new.contract)
            for reason, reading in reasons:
                if reading is None:
                    assert any(word in reason for word in ("target", "probabilities", "labels", "unit")), (
                        reason
                    )
                    continue
                assert taken(old, reading) is not None, (reason, reading, old.contract)
                assert taken(new, reading) is None, (reason, reading, new.contract)
                counts["witnesses"] += 1
            if any(reading is not None for _, reading in reasons):
                continue
            counts["accepted"] += 1
            for _ in range(10):
                reading = source.reading(old.contract)
                if (decoded := taken(old, reading)) is not None:
                    counts["readings"] += 1
                    assert taken(new, reading) is not None, (reading, old.contract, new.contract)
                    assert new.fields_matrix([decoded]).shape == (1, len(new.names))
    assert min(counts.values()) > PAIRS / 10, counts


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"name": "a", "least": 0, "most": 5}, {"name": "a", "least": -1}),
        ({"name": "a", "kind": "integer"}, {"name": "a"}),
        ({"name": "a", "required": True}, {"name": "a"}),
        (
            {"name": "a", "kind": "category", "categories": ["x", "y"]},
            {"name": "a", "kind": "category", "categories": ["y", "z", "x"]},
        ),
    ],
)
def test_a_contract_that_refuses_less_takes_the_place(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Wider bounds, more kinds of numbers, more categories and fewer required features refuse no reading; the other way does."""
    assert accepts(contract([before]), contract([after, {"name": "more"}]))
    assert not accepts(contract([after, {"name": "more"}]), contract([before]))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ([{"name": "a"}], [{"name": "b"}], "feature a is removed"),
        ([{"name": "a"}], [{"name": "a", "kind": "integer"}], "a: its kind changes from number to integer"),
        ([{"name": "a", "least": 1}], [{"name": "a", "least": 2}], "a: the least value rises from 1 to 2"),
        ([{"name": "a"}], [{"name": "a", "most": 2}], "a: the most value falls from 3.40282e+38 to 2"),
        ([{"name": "a", "unit": "mm"}], [{"name": "a", "unit": "cm"}], "a: its unit changes from mm to cm"),
        ([{"name": "a"}], [{"name": "a", "required": True}], "a is needed"),
        ([{"name": "a"}], [{"name": "a"}, {"name": "b", "required": True}], "b is needed"),
        (
            [{"name": "a", "kind": "category", "categories": ["x", "y"]}],
            [{"name": "a", "kind": "category", "categories": ["x"]}],
            "a: categories are removed: y",
        ),
    ],
)
def test_each_reason_is_one_sentence(
    old: list[dict[str, Any]], new: list[dict[str, Any]], reason: str
) -> None:
    """A refused model says which feature refuses readings that the former one took."""
    assert [each.reason for each in incompatibilities(contract(old), contract(new))] == [reason]


def test_a_group_may_follow_from_another() -> None:
    """A wider group, and a group with a feature that was always there, ask for nothing new."""
    features = [{"name": "a"}, {"name": "b"}, {"name": "c", "required": True}]
    narrow = contract(features, at_least_one_of=[["a"]])
    assert accepts(narrow, contract(features, at_least_one_of=[["a", "b"], ["b", "c"]]))
    assert accepts(narrow, contract([{"name": "a", "required": True}, *features[1:]]))
    assert not accepts(contract(features, at_least_one_of=[["a", "b"]]), narrow)


def test_result_lines_of_one_topic_keep_their_schema() -> None:
    """Another target and other columns of labels are refused; their order, a threshold and labels of an array may change."""
    features = [{"name": "a"}]
    old = contract(features)
    assert not accepts(old, contract(features, target="answer"))
    assert not accepts(old, contract(features, labels=["yes", "no", "perhaps"]))
    assert not accepts(old, contract(features, labels=["yes", "no way"]))
    assert accepts(old, contract(features, labels=["no", "yes"], threshold=0.3))
    assert accepts(contract(features, labels=["1", "2"]), contract(features, labels=["1", "2", "3"]))


def test_unknown_categories_may_begin_to_count_as_missing() -> None:
    """A contract that takes any word loses no category; taking known words alone afterwards is refused."""
    strict = contract([{"name": "a", "kind": "category", "categories": ["x", "y"]}])
    lenient = contract([{"name": "a", "kind": "category", "categories": ["x"]}], unknown_categories="missing")
    assert accepts(strict, lenient)
    assert [each.reason for each in incompatibilities(lenient, strict)] == [
        "a: unknown categories no longer count as missing"
    ]


def test_a_contract_takes_its_own_place() -> None:
    """The same contract under another version is compatible."""
    shipped = default_contract()
    assert accepts(shipped, shipped.model_copy(update={"version": 2, "description": "retrained"}))
