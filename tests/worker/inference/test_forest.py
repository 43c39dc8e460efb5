"""The compiled forest: the booster's own bits, or the booster itself."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rookery.schemas.artifact import unseal
from rookery.worker.inference.forest.compiled import CompiledForest
from rookery.worker.inference.forest.paths import Paths
from rookery.worker.inference.forest.program import ForestProgram, program_of
from rookery.worker.inference.forest.verification import DifferentForestError, verify_forest, verify_round
from rookery.worker.inference.forest.verification_rows import VerificationRows
from rookery.worker.inference.kernel.compiler import CompilationError, KernelCompiler
from rookery.worker.inference.kernel.layout import DEPTH, MARGIN, Header, UnsupportedForestError
from rookery.worker.inference.xgboost_classifier import parse
from rookery.worker.models.loader import SHIPPED
from rookery.worker.runtime.light_xgboost import xgboost
from tests.worker.inference.random_boosters import random_booster, saved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

pytestmark = [
    pytest.mark.skipif(find_spec("llvmlite") is None, reason="needs the extra `compiled`"),
    # The compiler gives way to all that runs on the machine.
    pytest.mark.timeout(300),
]

MODELS = int(os.environ.get("ROOKERY_TEST_FORESTS", "30"))
ROWS = int(os.environ.get("ROOKERY_TEST_FOREST_ROWS", "20000"))
FIRST_SEED = int(os.environ.get("ROOKERY_TEST_FOREST_SEED", "1"))
CHUNK = 20_000
PROCESSORS = {
    "any x86-64": ("x86_64-unknown-linux-gnu", "x86-64"),
    "AVX2": ("x86_64-unknown-linux-gnu", "x86-64-v3"),
    "AVX-512": ("x86_64-unknown-linux-gnu", "x86-64-v4"),
    "any aarch64": ("aarch64-unknown-linux-gnu", "generic"),
    "Graviton 2": ("aarch64-unknown-linux-gnu", "neoverse-n1"),
    "Axion": ("aarch64-unknown-linux-gnu", "neoverse-v2"),
}


@pytest.fixture(scope="module")
def compiler() -> KernelCompiler:
    return KernelCompiler()


@pytest.fixture(scope="module")
def shipped() -> Any:
    return parse(unseal(SHIPPED.read_bytes()))


def forest_of(booster: Any, compiler: KernelCompiler) -> CompiledForest:
    program = program_of(booster)
    return CompiledForest(compiler.code(program.words), program)


def changed(
    forest: CompiledForest, place: int, change: Callable[[NDArray[np.int32]], None]
) -> CompiledForest:
    """The same forest but for one word, from `place` on."""
    words = forest.program.words.copy()
    change(words[place:])
    program = ForestProgram(
        words,
        forest.program.columns,
        forest.program.trees,
        forest.program.features,
        forest.program.outputs,
        forest.program.transform,
    )
    return CompiledForest(forest._code, program)


def next_float(words: NDArray[np.int32]) -> None:
    words[:1].view(np.float32)[0] = np.nextafter(words[:1].view(np.float32)[0], np.float32(np.inf))


def put(words: NDArray[np.int32], value: int) -> None:
    words[0] = value


def golden(booster: Any) -> NDArray[np.float32]:
    return np.zeros((1, booster.num_features()), dtype=np.float32)


def bits(booster: Any, rows: NDArray[np.float32], kind: str, outputs: int) -> NDArray[np.uint32]:
    answers = booster.inplace_predict(rows, predict_type=kind, validate_features=False)
    return np.ascontiguousarray(answers, dtype=np.float32).reshape(len(rows), outputs).view(np.uint32)


@pytest.mark.timeout(300 + ROWS // 100)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + MODELS))
def test_a_random_model_is_answered_with_the_boosters_bits(seed: int, compiler: KernelCompiler) -> None:
    """Margins and probabilities of every row have XGBoost's bits, or the forest refuses the model by itself."""
    booster = random_booster(seed)
    forest = forest_of(booster, compiler)
    verify_forest(forest, booster, golden(booster))
    drawn = VerificationRows(forest.program, seed=seed)
    for first in range(0, ROWS, CHUNK):
        rows = drawn.random(min(CHUNK, ROWS - first))
        for kind, answers in (("margin", forest.margins), ("value", forest.probabilities)):
            expected = bits(booster, rows, kind, forest.program.outputs)
            assert np.array_equal(answers(rows).view(np.uint32), expected)


def leaves(program: ForestProgram, nth: int) -> list[int]:
    """The words of a tree's leaves that are no padding."""
    depth, place = program.trees[nth]
    return [place + 2 * 2**depth - 1 + leaf for leaf in VerificationRows(program)._paths(nth).heap.tolist()]


@dataclass(frozen=True)
class Split:
    """A split in its tree's heap, and which values of its feature can arrive there."""

    node: int
    low: float
    high: float
    missing: bool


def splits(program: ForestProgram, nth: int) -> Iterator[Split]:
    """A tree's splits, without padding."""
    rows = VerificationRows(program)
    columns, values = program.comparisons(nth)
    paths = Paths.root(rows._raw, len(rows._candidates))
    for level in range(program.trees[nth][0]):
        nodes = 2**level - 1 + paths.heap
        for at, node in enumerate(nodes.tolist()):
            raw = rows._raw_of[columns[node]]
            if np.isfinite(values[node]):
                yield Split(node, paths.low[at, raw], paths.high[at, raw], paths.missing[at, raw])
        paths = rows._parted(paths, columns[nodes], values[nodes])


def thresholds(program: ForestProgram, nth: int) -> list[int]:
    """The words of a tree's thresholds that part some of the values that arrive there."""
    depth, place = program.trees[nth]
    _, values = program.comparisons(nth)
    return [
        place + 2**depth + each.node
        for each in splits(program, nth)
        if each.low < values[each.node] < each.high
    ]


@pytest.mark.parametrize("part", [leaves, thresholds], ids=["leaf", "threshold"])
def test_a_forest_with_one_wrong_bit_is_refused_whichever_it_is(
    part: Callable[[ForestProgram, int], list[int]], shipped: Any, compiler: KernelCompiler
) -> None:
    """The last bit of any leaf, and of any threshold, of the shipped model."""
    forest = forest_of(shipped, compiler)
    for nth in range(len(forest.program.trees)):
        for place in part(forest.program, nth):
            wrong = changed(forest, place, next_float)
            with pytest.raises(DifferentForestError, match="round"):
                verify_round(wrong, shipped, VerificationRows(wrong.program), nth // forest.program.outputs)


@pytest.mark.parametrize("seed", range(4))
def test_a_wrong_leaf_of_a_random_model_is_refused(seed: int, compiler: KernelCompiler) -> None:
    """Deep trees, missing values and categories hide no leaf from the verification."""
    booster = random_booster(1000 + seed)
    forest = forest_of(booster, compiler)
    drawing = np.random.default_rng(seed)
    for nth in drawing.integers(0, len(forest.program.trees), 10).tolist():
        place = int(drawing.choice(leaves(forest.program, nth)))
        with pytest.raises(DifferentForestError):
            verify_forest(changed(forest, place, next_float), booster, golden(booster))


def test_a_wrong_direction_of_missing_values_is_refused(shipped: Any, compiler: KernelCompiler) -> None:
    """Each comparison with the other copy of its feature, where there is one."""
    forest = forest_of(shipped, compiler)
    columns = forest.program.columns
    other = {len(columns.raw) + nth: int(raw) for nth, raw in enumerate(columns.left)}
    other |= {raw: left for left, raw in other.items()}
    tried = 0
    for nth, (_, place) in enumerate(forest.program.trees):
        compared, _ = forest.program.comparisons(nth)
        for split in splits(forest.program, nth):
            if split.missing and (swapped := other.get(int(compared[split.node]))) is not None:
                wrong = changed(forest, place + 1 + split.node, partial(put, value=swapped))
                with pytest.raises(DifferentForestError, match="round"):
                    verify_round(
                        wrong, shipped, VerificationRows(wrong.program), nth // forest.program.outputs
                    )
                tried += 1
    assert tried > 10


def test_a_wrong_base_margin_is_refused(shipped: Any, compiler: KernelCompiler) -> None:
    """Rounds are verified without it, the whole forest with it."""
    forest = forest_of(shipped, compiler)
    wrong = changed(forest, int(forest.program.words[Header.BASE_AT]), next_float)
    with pytest.raises(DifferentForestError, match="rows, margins"):
        verify_forest(wrong, shipped, golden(shipped))


def trained(objective: str = "multi:softprob", classes: int = 3, **params: Any) -> Any:
    drawing = np.random.default_rng(5)
    rows = drawing.normal(size=(2000, 4)).astype(np.float32)
    chosen = {"objective": objective, "nthread": 1, **({"num_class": classes} if classes else {}), **params}
    labels = drawing.integers(0, classes or 2, len(rows))
    return xgboost.train(chosen, xgboost.DMatrix(rows, label=labels), 3)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"max_depth": DEPTH + 1, "min_child_weight": 0}, "deeper than"),
        ({"objective": "multi:softmax"}, "multi:softmax of a gbtree is not compiled"),
        ({"objective": "reg:squarederror", "classes": 0}, "reg:squarederror"),
        ({"booster": "dart", "rate_drop": 0.5}, "dart is not compiled"),
        ({"num_parallel_tree": 2, "subsample": 0.5}, "one tree for each output"),
    ],
    ids=["deep", "softmax", "regression", "dart", "random forest"],
)
def test_what_the_kernel_cannot_answer_is_refused_with_the_reason(
    params: dict[str, Any], reason: str
) -> None:
    """A model beyond the kernel's bounds stays with its booster, before anything is compiled."""
    with pytest.raises(UnsupportedForestError, match=reason):
        program_of(trained(**params))


def test_a_depth_beyond_the_bound_is_all_that_keeps_it_away(compiler: KernelCompiler) -> None:
    """The deepest tree that is allowed, of a model with single leaves beside it, has the booster's bits."""
    booster = saved(trained(max_depth=DEPTH, min_child_weight=0, gamma=1.5))
    forest = forest_of(booster, compiler)
    assert max(depth for depth, _ in forest.program.trees) == DEPTH
    verify_forest(forest, booster, golden(booster))


def test_every_number_of_rows_gives_the_answers_of_each_row_alone(
    shipped: Any, compiler: KernelCompiler
) -> None:
    """Blocks of 8 and 32 rows, whole and torn, beyond which nothing is written."""
    forest = forest_of(shipped, compiler)
    rows = VerificationRows(forest.program).random(100)
    alone = np.concatenate([forest.probabilities(rows[nth : nth + 1]) for nth in range(len(rows))])
    code, outputs = forest._code, forest.program.outputs
    for count in range(1, len(rows) + 1):
        out = np.full((count + 1, outputs), -7, dtype=np.float32)
        code(rows[:count], out[:count], forest.program.transform, forest.program.words)
        assert np.array_equal(out[:count].view(np.uint32), alone[:count].view(np.uint32))
        assert (out[count] == -7).all()
    assert forest.probabilities(rows[:0]).shape == (0, outputs)


def test_rows_of_another_form_are_answered_or_refused(shipped: Any, compiler: KernelCompiler) -> None:
    """Strided and double rows are copied; another width would be read beyond its end."""
    forest = forest_of(shipped, compiler)
    rows = VerificationRows(forest.program).random(50)
    expected = forest.margins(rows[::2].copy())
    assert np.array_equal(forest.margins(rows[::2]), expected)
    assert np.array_equal(forest.margins(np.asfortranarray(rows[::2]).astype(np.float64)), expected)
    with pytest.raises(ValueError, match="rows of 7 features are needed"):
        forest.margins(rows[:, :6])


def test_threads_share_a_forest(shipped: Any, compiler: KernelCompiler) -> None:
    """Concurrent calls, some of them without the interpreter's lock, get the answers of one alone."""
    forest = forest_of(shipped, compiler)
    rows = VerificationRows(forest.program).random(5000)
    expected = forest.probabilities(rows)
    with ThreadPoolExecutor(4) as threads:
        for answers in threads.map(
            lambda count: forest.probabilities(rows[:count]), [*range(1, 200), 5000, 4999]
        ):
            assert np.array_equal(answers, expected[: len(answers)])


@pytest.mark.parametrize("processor", PROCESSORS)
def test_the_kernel_needs_no_linker_on_other_processors_either(processor: str) -> None:
    """Its code names no address and no constant, so that it runs wherever it is mapped."""
    triple, cpu = PROCESSORS[processor]
    program = f"from rookery.worker.inference.kernel.__main__ import compiled; print(len(compiled({triple!r}, {cpu!r})))"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10_000


@pytest.mark.parametrize(
    ("command", "reason"),
    [("/bin/false", "ended with 1: it said nothing"), ("/nowhere/python", "cannot be started")],
)
def test_a_compiler_that_fails_is_named(command: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end, and what it said last, are the reason."""
    monkeypatch.setattr(sys, "executable", command)
    with pytest.raises(CompilationError, match=reason):
        KernelCompiler().code(np.zeros(1, dtype=np.int32))


def test_a_compilation_that_takes_too_long_is_ended() -> None:
    """Its process is killed and reaped."""
    with pytest.raises(CompilationError, match=r"not compiled within 0\.001 s"):
        KernelCompiler(seconds=0.001).code(np.zeros(int(Header.WORDS), dtype=np.int32))


def test_no_compilation_begins_after_the_end() -> None:
    """A worker that drains leaves no process behind."""
    compiler = KernelCompiler()
    compiler.close()
    with pytest.raises(CompilationError, match="the worker ends"):
        compiler.code(np.zeros(1, dtype=np.int32))


def test_margins_are_sums_that_begin_with_the_base(shipped: Any, compiler: KernelCompiler) -> None:
    """The order decides the last bit: a forest whose base comes last differs from the booster on some rows."""
    forest = forest_of(shipped, compiler)
    rows = VerificationRows(forest.program).random(2000)
    words = forest.program.words.copy()
    at = int(words[Header.BASE_AT])
    base = words[at : at + forest.program.outputs].view(np.float32).copy()
    words[at : at + forest.program.outputs] = 0
    last = forest.answers(rows, words, MARGIN) + base
    assert np.allclose(last, forest.margins(rows), atol=1e-4)
    assert not np.array_equal(last, forest.margins(rows))
