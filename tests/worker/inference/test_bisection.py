"""Poison isolation: a failing batch is bisected until only the failing rows fail."""

from __future__ import annotations

import numpy as np
import pytest

from rookery.worker.inference.bisection import ModelUnavailableError, classify
from rookery.worker.testing import RuleClassifier
from tests.shipped import FEATURES


def rows(count: int, *failing: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    matrix = np.ones((count, len(FEATURES)), dtype=np.float32)
    matrix[list(failing), 0] = -1
    return matrix


@pytest.mark.parametrize("failing", [0, 1, 255, 256, 300, 511])
def test_one_bad_reading_in_512_costs_at_most_19_calls(failing: int) -> None:
    """511 are answered and one is failing, within 19 predict calls."""
    classifier = RuleClassifier(lambda row: bool(row[0] < 0))
    result = classify(classifier, rows(512, failing))
    assert list(result.failed_rows) == [failing]
    answered = [first + nth for first, run in result.runs for nth in range(len(run.label_indices))]
    assert answered == [row for row in range(512) if row != failing]
    assert len(classifier.calls) <= 19


def test_a_batch_without_fault_is_one_call() -> None:
    """The good case costs nothing extra."""
    classifier = RuleClassifier()
    assert [first for first, _ in classify(classifier, rows(100)).runs] == [0]
    assert classifier.calls == [100]


def test_a_healthy_model_that_refuses_every_reading_of_a_batch_blames_the_readings() -> None:
    """All of a batch may be failing, if the model still answers its known readings."""
    result = classify(RuleClassifier(lambda _: True), rows(3))
    assert sorted(result.failed_rows) == [0, 1, 2]


def test_a_broken_model_blames_no_reading() -> None:
    """Where the model fails its own known readings too, nothing is rejected: all are nacked."""
    with pytest.raises(ModelUnavailableError, match="a failing row"):
        classify(RuleClassifier(lambda _: True, healthy=False), rows(3))


def test_nothing_to_classify_calls_nothing() -> None:
    """A batch of refused messages only does not touch the model."""
    classifier = RuleClassifier()
    assert classify(classifier, rows(0)).runs == []
    assert classifier.calls == []
