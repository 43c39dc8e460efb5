"""Cost of the compiled forest: it, XGBoost's C call and `inplace_predict` in turns, on the same rows.

`python -m benchmarks.sections.forest_cost [ROUNDS]` prints microseconds of CPU a row, the median of the rounds, and
XGBoost's C call against the compiled forest, formed within a round; and what it takes until the forest answers.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.progress import say
from benchmarks.servers.reference import reference_model
from rookery.load.report.provenance import provenance
from rookery.schemas.artifact import unseal
from rookery.worker.inference.forest.compiled import CompiledForest
from rookery.worker.inference.forest.program import program_of
from rookery.worker.inference.forest.verification import verify_forest
from rookery.worker.inference.forest.verification_rows import VerificationRows
from rookery.worker.inference.kernel.compiler import KernelCompiler
from rookery.worker.inference.xgboost_c_api import PredictFromDense
from rookery.worker.inference.xgboost_classifier import parse
from rookery.worker.models.loader import SHIPPED
from rookery.worker.runtime.light_xgboost import xgboost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Call = Callable[[NDArray[np.float32]], NDArray[np.float32]]

BATCHES: Final = (1, 8, 64, 1000)
_ROUNDS: Final = 15
_ROWS_A_ROUND: Final = 4000
_LARGE: Final = {"objective": "binary:logistic", "max_depth": 6, "nthread": 1, "min_child_weight": 0.1}
_LARGE_ROUNDS: Final = 500
_LARGE_FEATURES: Final = 30


@dataclass(frozen=True)
class Takeover:
    """A forest that answers as its booster does, and the seconds of encoding, compiling and proving."""

    forest: CompiledForest
    encoded: float
    compiled: float
    verified: float


def boosters() -> Iterator[tuple[str, Any]]:
    """Give the models by name: the shipped one, the benchmark's, and one as large as users bring."""
    yield "shipped", parse(unseal(SHIPPED.read_bytes()))
    with tempfile.TemporaryDirectory() as folder:
        yield "reference, 300 trees of depth 4", parse(unseal(reference_model(Path(folder)).read_bytes()))
    drawing = np.random.default_rng(1)
    rows = drawing.normal(size=(20_000, _LARGE_FEATURES)).astype(np.float32)
    labels = (rows[:, :5].sum(axis=1) + drawing.normal(size=len(rows)) > 0).astype(int)
    large = xgboost.train(_LARGE, xgboost.DMatrix(rows, label=labels), _LARGE_ROUNDS)
    yield "large, 500 trees of depth 6, 30 features", parse(bytes(large.save_raw("ubj")))


def taken_over(booster: Any) -> Takeover:
    """Make and verify the forest of a booster, as a worker does."""
    at = [time.monotonic()]
    program = program_of(booster)
    at.append(time.monotonic())
    forest = CompiledForest(KernelCompiler().code(program.words), program)
    at.append(time.monotonic())
    verify_forest(forest, booster, np.zeros((1, program.features), dtype=np.float32))
    at.append(time.monotonic())
    return Takeover(forest, *np.diff(at).tolist())


def measure(booster: Any, forest: CompiledForest, batch: int, rounds: int) -> dict[str, list[float]]:
    """Ask all in turns; gives microseconds of CPU a row by engine and round."""
    rows = VerificationRows(forest.program).random(batch)
    outputs = forest.program.outputs
    calls: dict[str, Call] = {
        "inplace_predict": booster.inplace_predict,
        "forest": forest.probabilities,
        "C call": PredictFromDense(xgboost.core._LIB, booster, outputs=outputs),  # noqa: SLF001  as the worker
    }
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            call(rows)
            repeats = max(3, _ROWS_A_ROUND // batch // (8 if name != "forest" else 1))
            began = time.thread_time_ns()
            for _ in range(repeats):
                call(rows)
            found[name].append((time.thread_time_ns() - began) / 1000 / repeats / batch)
    return found


def main() -> int:
    """Measure and print; gives the exit code."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS
    machine = provenance()
    say(
        f"{machine.date}, commit {machine.commit}, {machine.processor}, {machine.cores} cores, load {machine.load}"
    )
    for name, booster in boosters():
        made = taken_over(booster)
        say(
            f"{name}: encoded in {made.encoded:.2f} s, compiled in {made.compiled:.2f} s, "
            f"verified in {made.verified:.2f} s; {made.forest.program.words.nbytes:,} bytes"
        )
        for batch in BATCHES:
            found = measure(booster, made.forest, batch, rounds)
            reference = found["C call"]
            ratio = median(theirs / ours for theirs, ours in zip(reference, found["forest"], strict=True))
            figures = ", ".join(f"{each} {median(values):.3f}" for each, values in found.items())
            say(f"  {batch:>5} rows: {figures} us a row; {ratio:.1f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
