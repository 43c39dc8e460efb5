"""The booster in memory: right, indifferent to company, to gaps, and to threads; and its outlier rule."""

from __future__ import annotations

import csv
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rookery.schemas.reading import Reading
from rookery.worker.inference.outliers import OutlierDetector
from rookery.worker.inference.xgboost_classifier import SLICE_ROWS, UNSLICED_ROWS
from rookery.worker.models.loader import SHIPPED, load
from tests.shipped import FEATURES, SPECIES, columns_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rookery.worker.inference.xgboost_classifier import XGBoostClassifier

NAN = float("nan")
DATA = Path(__file__).parents[3] / "data" / "penguins.csv"


@pytest.fixture(scope="module")
def classifier() -> XGBoostClassifier:
    return load(SHIPPED)


def known() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    with DATA.open(newline="") as file:
        penguins = [row for row in csv.DictReader(file) if row["bill_length_mm"] != "NA"]
    words = ("sex", "island")
    columns = {
        name: [
            None if (cell := penguin[name]) == "NA" else cell if name in words else float(cell)
            for penguin in penguins
        ]
        for name in FEATURES
    }
    return columns_matrix(columns, len(penguins)), np.array(
        [SPECIES.index(penguin["species"]) for penguin in penguins]
    )


ROWS, CALLED = known()


def without(*names: str) -> NDArray[np.float32]:
    rows = ROWS.copy()
    rows[:, [FEATURES.index(name) for name in names]] = np.nan
    return rows


def row(*cells: float) -> NDArray[np.float32]:
    return np.array([cells], dtype=np.float32)


def test_the_known_penguins_are_called_right(classifier: XGBoostClassifier) -> None:
    """At least 98 % of the known penguins, and answers are well formed."""
    answers = classifier.classify(ROWS)
    assert (answers.label_indices == CALLED).mean() >= 0.98
    assert answers.labels == SPECIES
    assert answers.probabilities.shape == (len(ROWS), 3)
    assert answers.probabilities.dtype == np.float32
    assert np.allclose(answers.probabilities.sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(answers.label_indices, answers.probabilities.argmax(axis=1))


@pytest.mark.parametrize(
    ("hidden", "least"),
    [
        (("sex", "year", "island"), 0.97),
        (("sex",), 0.98),
        (("body_mass_g",), 0.98),
        (("flipper_length_mm",), 0.97),
        (("bill_depth_mm",), 0.97),
        (("bill_length_mm",), 0.85),
        (("bill_depth_mm", "body_mass_g", "sex", "year", "island"), 0.93),
    ],
)
def test_gaps_are_answered_sensibly(
    classifier: XGBoostClassifier, hidden: tuple[str, ...], least: float
) -> None:
    """A reading that lacks features is still called right nearly always."""
    assert (classifier.classify(without(*hidden)).label_indices == CALLED).mean() >= least


def test_a_row_is_answered_alone_as_in_company(classifier: XGBoostClassifier) -> None:
    """Neither the size of the batch nor the neighbours change an answer by a bit."""
    rows = np.vstack([ROWS, without("sex", "bill_depth_mm")])
    together = classifier.classify(rows)
    for position in range(0, len(rows), 7):
        alone = classifier.classify(rows[position : position + 1])
        assert np.array_equal(alone.probabilities[0], together.probabilities[position])
        assert alone.out_of_distribution[0] == together.out_of_distribution[position]


def test_threads_get_what_they_would_get_alone(classifier: XGBoostClassifier) -> None:
    """Four threads over batches of all sizes answer like one."""
    batches = [ROWS[start : start + size] for start in range(0, 300, 10) for size in (1, 7, 40)] * 5
    serial = [classifier.classify(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(serial, pool.map(classifier.classify, batches), strict=True):
            assert np.array_equal(one.probabilities, other.probabilities)
            assert np.array_equal(one.out_of_distribution, other.out_of_distribution)


def test_answers_outlive_the_next_call(classifier: XGBoostClassifier) -> None:
    """An answer is no window into a buffer that the next prediction overwrites."""
    first = classifier.classify(ROWS[:50])
    kept = first.probabilities.copy()
    classifier.classify(ROWS[-50:])
    assert np.array_equal(first.probabilities, kept)


@pytest.mark.parametrize("shape", [(3, 6), (3, 8), (7,), (0, 3)])
def test_a_matrix_of_another_width_is_refused(classifier: XGBoostClassifier, shape: tuple[int, ...]) -> None:
    """The check within xgboost is off for speed, so that ours has to hold."""
    with pytest.raises(ValueError, match="rows of 7 features are needed"):
        classifier.classify(np.zeros(shape, dtype=np.float32))


def test_a_model_that_fails_is_not_healthy(classifier: XGBoostClassifier) -> None:
    """Health is the golden readings, asked again; whatever a broken booster raises means no."""
    broken = type(classifier)(
        object(),
        classifier.card,
        outputs=len(classifier.card.labels),
        outliers=OutlierDetector(classifier.card.outliers, classifier.card.features),
        digest="0" * 64,
    )
    assert classifier.healthy()
    assert not broken.healthy()


def test_real_penguins_are_rarely_flagged(classifier: XGBoostClassifier) -> None:
    """About one known penguin in a hundred is flagged, whichever measurements it has."""
    measured = FEATURES[:4]
    for pattern in range(1, 16):
        hidden = [name for bit, name in enumerate(measured) if not pattern >> bit & 1]
        assert classifier.classify(without(*hidden)).out_of_distribution.mean() <= 0.015


@pytest.mark.parametrize(
    "cells",
    [
        (70, 25, 330, 30_000, NAN, NAN, NAN),
        (14, 6, 90, 900, 2009, 0, 1),
        (14, NAN, NAN, 900, NAN, NAN, NAN),
        (18.7, 39.1, 181, 3750, 2007, 1, 2),
        (39.1, 18.7, 181, 132, 2007, 1, 2),
        (39.1, 18.7, 71, 3750, 2007, 1, 2),
        (NAN, NAN, NAN, 37_500, NAN, NAN, NAN),
        (39.1, 18.7, 230, 6000, 2007, 1, 2),
        (NAN, NAN, NAN, NAN, 2007, 1, 2),
    ],
    ids=[
        "emperor",
        "chick",
        "chick with gaps",
        "bill swapped",
        "mass in ounces",
        "flipper in tenths of inches",
        "one digit too many",
        "half Adelie, half Gentoo",
        "nothing measured",
    ],
)
def test_what_is_no_such_penguin_is_flagged(classifier: XGBoostClassifier, cells: tuple[float, ...]) -> None:
    """Possible values that no penguin of the training data has are answered and flagged, alone and in company."""
    named = {
        name: None if math.isnan(cell) else cell for name, cell in zip(FEATURES[:4], cells, strict=False)
    }
    if any(cell is not None for cell in named.values()):
        # The schema lets it pass: flagging is all that protects the user.
        Reading(**named)
    assert classifier.classify(row(*cells)).out_of_distribution.tolist() == [True]
    company = classifier.classify(np.vstack([ROWS[:1], row(*cells), without("bill_depth_mm")[:1]]))
    assert company.out_of_distribution.tolist() == [False, True, False]


def test_words_do_not_make_an_outlier(classifier: XGBoostClassifier) -> None:
    """Year, sex and island have no part in the rule: the next season is no mistake."""
    later = ROWS.copy()
    later[:, FEATURES.index("year")] = 2026
    assert np.array_equal(
        classifier.classify(later).out_of_distribution,
        classifier.classify(without("sex", "island")).out_of_distribution,
    )


def test_ten_thousand_rows_are_answered_as_they_are_one_by_one(classifier: XGBoostClassifier) -> None:
    """That they are answered in slices changes no bit, nor where the last one ends."""
    rows = np.tile(known()[0], (40, 1))[: 20 * SLICE_ROWS + 1]
    assert len(rows) > UNSLICED_ROWS
    whole = classifier.classify(rows)
    parts = [classifier.classify(rows[first : first + 1]) for first in (0, SLICE_ROWS, len(rows) - 1)]
    assert whole.probabilities.shape == (len(rows), 3)
    for part, place in zip(parts, (0, SLICE_ROWS, -1), strict=True):
        assert np.array_equal(part.probabilities[0], whole.probabilities[place])
    tiled = np.tile(classifier.classify(known()[0]).probabilities, (40, 1))[: len(rows)]
    assert np.array_equal(whole.probabilities, tiled)
