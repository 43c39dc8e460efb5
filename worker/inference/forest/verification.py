"""Verification: a compiled forest must answer as its booster does, to the last bit, before it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rookery.worker.inference.forest.verification_rows import VerificationRows
from rookery.worker.inference.kernel.layout import MARGIN
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rookery.worker.inference.forest.compiled import CompiledForest

RANDOM_ROWS: Final = 10_000
"""Rows that the whole forest answers, beside the golden ones."""

_SLICE_ROWS: Final = 256


class DifferentForestError(ValueError):
    """A forest answers otherwise than its booster; says where."""


def verify_forest(
    forest: CompiledForest,
    booster: Any,
    golden: NDArray[np.float32],
    *,
    pause: Callable[[], None] = step_aside,
) -> None:
    """Compare each round alone, then all of them on golden rows and random ones; raises DifferentForestError.

    `pause` is called every few hundred rows, and may raise to give up.
    """
    rows = VerificationRows(forest.program)
    for nth in range(len(forest.program.trees) // forest.program.outputs):
        verify_round(forest, booster, rows, nth)
        pause()
    for name, whole in (("golden", golden), ("random", rows.random(RANDOM_ROWS))):
        for first in range(0, len(whole), _SLICE_ROWS):
            some = whole[first : first + _SLICE_ROWS]
            for kind, answer in (("margin", forest.margins), ("value", forest.probabilities)):
                expected = booster.inplace_predict(some, predict_type=kind, validate_features=False)
                _compare(answer(some), expected, f"{name} rows, {kind}s")
            pause()


def verify_round(forest: CompiledForest, booster: Any, rows: VerificationRows, nth: int) -> None:
    """Compare a round alone on rows that lead to each of its leaves; raises DifferentForestError.

    Alone and without a base, the margins are the leaves: in a sum a leaf's last bit may be rounded away.
    """
    outputs = forest.program.outputs
    own = np.concatenate([rows.of_tree(nth * outputs + output) for output in range(outputs)])
    expected = booster.inplace_predict(
        own,
        iteration_range=(nth, nth + 1),
        predict_type="margin",
        validate_features=False,
        base_margin=np.zeros((len(own), outputs), dtype=np.float32),
    )
    _compare(forest.answers(own, forest.program.round_alone(nth), MARGIN), expected, f"round {nth}")


def _compare(found: NDArray[np.float32], expected: NDArray[np.float32], what: str) -> None:
    expected = np.ascontiguousarray(expected, dtype=np.float32).reshape(found.shape)
    # Bits, so that neither the sign of a zero nor a NaN passes for another.
    wrong = (found.view(np.uint32) != expected.view(np.uint32)).any(axis=1)
    if wrong.any():
        raise DifferentForestError(
            f"{what}: {int(wrong.sum())} of {len(wrong)} rows are answered otherwise than by XGBoost"
        )
