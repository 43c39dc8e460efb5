"""The outlier rule of any model: plain Mahalanobis distances, whichever measurements are missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.schemas.artifact import Cluster, OutlierRule
from rookery.worker.inference.outliers import OutlierDetector, Whitenings

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rule(features: int, labels: int = 3, *, seed: int = 0, by_pattern: bool = False) -> OutlierRule:
    drawing = np.random.default_rng(seed)
    clusters = []
    for _ in range(labels):
        known = drawing.normal(size=(100, features)) @ drawing.normal(
            size=(features, features)
        ) + drawing.normal(size=features)
        covariance = np.atleast_2d(np.cov(known, rowvar=False)) + np.eye(features) / 10
        clusters.append(
            Cluster(
                mean=tuple(known.mean(axis=0).tolist()), covariance=tuple(map(tuple, covariance.tolist()))
            )
        )
    count = 2**features if by_pattern else features + 1
    limits = (-1.0, *drawing.uniform(1, 3, count - 1).tolist())
    names = tuple(f"f{nth}" for nth in range(features))
    return OutlierRule(
        features=names, clusters=tuple(clusters), limits=limits, by="pattern" if by_pattern else "count"
    )


def plainly(rule: OutlierRule, row: NDArray[np.float32]) -> tuple[float, float]:
    """The squared distance of one row of the rule's features, and its limit."""
    (present,) = np.nonzero(~np.isnan(row))
    limit = rule.limits[len(present) if rule.by == "count" else sum(1 << int(each) for each in present)]
    squared = []
    for cluster in rule.clusters:
        apart = (row - np.array(cluster.mean))[present].astype(np.float64)
        inverse = np.linalg.inv(np.array(cluster.covariance)[np.ix_(present, present)])
        squared.append(float(apart @ inverse @ apart))
    return min(squared), limit


@given(
    features=st.sampled_from([1, 2, 7, 20, 60]),
    missing=st.sampled_from([0.0, 0.1, 0.5, 0.95]),
    by_pattern=st.booleans(),
    apart=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_rows_are_far_where_their_distance_exceeds_the_limit(
    features: int, missing: float, seed: int, *, by_pattern: bool, apart: bool
) -> None:
    """By the count of what is present or by its pattern, for any number of features, in any columns, alone or in company."""
    found = rule(features, seed=seed, by_pattern=by_pattern and features <= 7)
    names = [*found.features, "word"]
    if apart:
        # The rule's features need not be neighbours, nor in the matrix's order.
        names = [names[nth] for nth in np.random.default_rng(seed).permutation(len(names))]
    drawing = np.random.default_rng(seed + 1)
    rows = drawing.normal(size=(40, len(names))).astype(np.float32)
    rows[drawing.random(rows.shape) < missing] = np.nan
    detector = OutlierDetector(found, names)
    far = detector.far(rows)
    measured = rows[:, [names.index(name) for name in found.features]]
    for nth, row in enumerate(measured):
        if np.isnan(row).all():
            assert far[nth]
            continue
        squared, limit = plainly(found, row)
        if abs(squared - limit) > 1e-3 * limit:
            assert far[nth] == (squared > limit)
            assert detector.far(rows[nth : nth + 1])[0] == far[nth]


def test_values_that_overflow_are_far() -> None:
    """A distance that is no finite number is no small one, with gaps and without."""
    rows = np.full((3, 4), 3e38, dtype=np.float32)
    rows[0] *= [1, -1, 1, -1]
    rows[1, 2] = np.nan
    assert OutlierDetector(rule(4), ["f0", "f1", "f2", "f3"]).far(rows).tolist() == [True] * 3


def test_the_whitenings_of_patterns_are_kept_up_to_their_bytes() -> None:
    """However many patterns are met, the last ones are kept, and one that is asked for again is no new one."""
    one = 3 * 20 * 20 * 4
    kept = Whitenings(rule(20), most_bytes=5 * one)
    whole = np.ones(20, dtype=np.bool_)
    first = kept.of(whole)
    for nth in range(40):
        present = whole.copy()
        present[[nth % 20, (nth * 7 + 3) % 20]] = False
        kept.of(present)
        assert kept.of(whole) is first
    assert kept.bytes <= 5 * one


def test_threads_find_the_same_rows() -> None:
    """Four threads over patterns that no one has met answer as one does."""
    found = rule(12)
    names = found.features
    drawing = np.random.default_rng(3)
    batches = [drawing.normal(size=(30, 12)).astype(np.float32) for _ in range(40)]
    for batch in batches:
        batch[drawing.random(batch.shape) < 0.3] = np.nan
    alone = [OutlierDetector(found, names).far(batch).tolist() for batch in batches]
    shared = OutlierDetector(found, names)
    with ThreadPoolExecutor(4) as pool:
        assert [far.tolist() for far in pool.map(shared.far, batches)] == alone


@pytest.mark.parametrize(
    "change",
    [
        {"features": ("f0", "f1", "other")},
        {"features": ("f0",)},
        {"clusters": (Cluster(mean=(0, 0, 0), covariance=((0, 0, 0),) * 3),)},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    """Features that the model does not have, clusters of other features, and those that are no distributions."""
    with pytest.raises((ValueError, np.linalg.LinAlgError)):
        OutlierDetector(rule(3).model_copy(update=change), ["f0", "f1", "f2"])
