"""Models of any contract: their answers are XGBoost's own, and a card that does not fit its booster is refused."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rookery.schemas.contract.contract import Contract
from rookery.worker.inference.forest.compiled import CompiledForest
from rookery.worker.inference.forest.program import program_of
from rookery.worker.inference.forest.verification import verify_forest
from rookery.worker.inference.kernel.compiler import KernelCompiler
from rookery.worker.inference.xgboost_classifier import golden_rows
from rookery.worker.models.loader import ModelRefusedError, load
from tests.worker.artifacts import CHURN, IRIS, artifact, card_of, drawn, rule_by_count, sealed, trained, wide

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.schemas.artifact import ModelCard
    from rookery.worker.runtime.light_xgboost import xgboost

ONE = Contract.model_validate(
    {"name": "one", "target": "t", "labels": ("a", "b"), "features": ({"name": "x"},)}
)
CONTRACTS = {"iris": IRIS, "churn": CHURN, "one feature": ONE, "100 features": wide(100)}


def expected(booster: xgboost.Booster, rows: Any) -> Any:
    """The answers of scikit-learn's wrapper."""
    shares = booster.inplace_predict(rows)
    return shares if shares.ndim == 2 else np.vstack((1 - shares, shares)).transpose()


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_a_model_of_any_contract_answers_as_xgboost_does(contract: Contract) -> None:
    """Probabilities of one label a column are equal to the last bit, whatever is missing, for two labels and for more."""
    booster = trained(contract)
    classifier = load(sealed(booster, card_of(booster, contract)))
    rows = drawn(contract, 300, seed=5)
    answers = classifier.classify(rows)
    np.testing.assert_array_equal(answers.probabilities, expected(booster, rows))
    assert answers.probabilities.dtype == np.float32
    assert answers.contract is classifier.contract
    assert answers.labels == contract.labels
    assert classifier.contract.contract == contract
    assert classifier.healthy()


@pytest.mark.skipif(find_spec("llvmlite") is None, reason="needs the extra `compiled`")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_a_compiled_forest_answers_any_contract_as_its_booster(contract: Contract) -> None:
    """Sets of categories and models with one output too: after the takeover no bit of any answer has changed."""
    classifier = load(artifact(contract))
    rows = drawn(contract, 300, seed=5)
    before = classifier.classify(rows)
    program = program_of(classifier.booster)
    forest = CompiledForest(KernelCompiler().code(program.words), program)
    verify_forest(forest, classifier.booster, golden_rows(classifier.card.golden))
    classifier.take_over(forest)
    after = classifier.classify(rows)
    np.testing.assert_array_equal(after.probabilities, before.probabilities)
    np.testing.assert_array_equal(after.label_indices, before.label_indices)
    assert classifier.healthy()


def test_the_threshold_of_two_labels_decides_the_answer() -> None:
    """From a probability of 0.3 on the second label is the answer; without a threshold the likelier one is."""
    rows = drawn(CHURN, 2_000, seed=5)
    answers = load(artifact(CHURN)).classify(rows)
    second = answers.probabilities[:, 1]
    assert np.array_equal(answers.label_indices == 1, second >= np.float32(0.3))
    assert ((second >= np.float32(0.3)) & (second < 0.5)).any()
    likelier = load(artifact(CHURN.model_copy(update={"threshold": None}))).classify(rows)
    assert np.array_equal(likelier.label_indices, likelier.probabilities.argmax(axis=1))


def test_a_model_without_an_outlier_rule_says_nothing_of_outliers() -> None:
    """None, not False: it cannot know; a part of the answers cannot either."""
    answers = load(artifact(IRIS)).classify(drawn(IRIS, 10))
    assert answers.out_of_distribution is None
    assert answers.ood_rows == []
    assert answers.subset(slice(2, 4)).out_of_distribution is None


@pytest.mark.parametrize("contract", [IRIS, wide(30)], ids=["iris", "30 features"])
def test_golden_outliers_of_a_rule_by_count_are_compared(contract: Contract) -> None:
    """The rule of a card must flag what it flagged when the card was written."""
    booster = trained(contract)
    card = card_of(booster, contract, outliers=rule_by_count(contract))
    assert load(sealed(booster, card)).healthy()
    turned = tuple(not far for far in card.golden.out_of_distribution)
    golden = card.golden.model_copy(update={"out_of_distribution": turned})
    with pytest.raises(ModelRefusedError, match="other ones are out of distribution"):
        load(sealed(booster, card.model_copy(update={"golden": golden})))


def other(contract: Contract, **update: Any) -> Callable[[ModelCard], ModelCard]:
    said = contract.model_dump() | update
    return lambda card: card.model_copy(update={"contract": Contract.model_validate(said)})


CHURN_FEATURES = tuple(feature.model_dump() for feature in CHURN.features)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            other(CHURN, labels=("no", "yes", "perhaps"), threshold=None),
            "labels of a booster with one output: 3 where 2",
        ),
        (other(CHURN, features=CHURN_FEATURES[:2]), "number of the booster's features: 3 where 2"),
        (
            other(CHURN, features=CHURN_FEATURES[::-1]),
            "features of the booster: months, plan, bill where bill",
        ),
        (
            other(CHURN, features=(CHURN_FEATURES[0], {"name": "plan"}, CHURN_FEATURES[2])),
            "kind of plan: number where category",
        ),
    ],
)
def test_a_contract_that_does_not_fit_its_booster_is_refused(
    change: Callable[[ModelCard], ModelCard], reason: str
) -> None:
    """Labels, features and kinds: the reason says what the booster has and what the contract needs."""
    booster = trained(CHURN)
    with pytest.raises(ModelRefusedError, match=reason):
        load(sealed(booster, change(card_of(booster, CHURN))))


@pytest.mark.parametrize("objective", ["binary:logitraw", "reg:squarederror"])
def test_an_objective_without_probabilities_is_refused(objective: str) -> None:
    """Its numbers are no probabilities; the reason names the objectives that have them."""
    booster = trained(CHURN, objective=objective)
    with pytest.raises(ModelRefusedError, match=f"{objective} where multi:softprob or binary:logistic"):
        load(sealed(booster, card_of(booster, CHURN)))
