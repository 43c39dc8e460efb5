"""The booster check: a model whose indices lead nowhere is refused before XGBoost reads a byte of it."""

from __future__ import annotations

import copy
import functools
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import xgboost

from rookery.schemas.artifact import seal, unseal
from rookery.worker.models.booster_check import MalformedBoosterError, check_booster
from rookery.worker.models.forest_check import DEPTH
from rookery.worker.models.loader import SHIPPED, ModelRefusedError, load
from rookery.worker.models.ubj import decode
from tests.worker.models.ubj_writer import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Tree = dict[str, Any]

SOUND = decode(unseal(SHIPPED.read_bytes()))
INT, LONG = np.dtype(">i4"), np.dtype(">i8")


def model_of(booster: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = booster["learner"]["gradient_booster"]["model"]
    return found


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The shipped booster with a change, and the checksum of what it is then."""
    booster = copy.deepcopy(SOUND)
    change(booster)
    return seal(encode(booster))


def in_tree(change: Callable[[Tree], object], nth: int = 3) -> bytes:
    return changed(lambda booster: change(model_of(booster)["trees"][nth]))


def set_to(name: str, node: int, value: int) -> Callable[[Tree], object]:
    def _set(tree: Tree) -> None:
        tree[name] = tree[name].copy()
        tree[name][node] = value

    return _set


def shortened(name: str) -> Callable[[Tree], object]:
    return lambda tree: tree.update({name: tree[name][:-1]})


def categorical(**columns: list[int]) -> Callable[[Tree], object]:
    """Make the root's split categorical, with these columns of categories."""
    sound = {
        "categories": [0, 2],
        "categories_nodes": [0],
        "categories_segments": [0],
        "categories_sizes": [2],
    }

    def _change(tree: Tree) -> None:
        set_to("split_type", 0, 1)(tree)
        for name, values in {**sound, **columns}.items():
            tree[name] = np.array(values, dtype=tree[name].dtype)

    return _change


def chain(tree: Tree) -> None:
    """Give a tree one split below the other, more than XGBoost's recursion should follow."""
    splits = DEPTH + 1
    nodes = 2 * splits + 1
    left = np.full(nodes, -1, dtype=INT)
    left[0], left[1 : nodes - 2 : 2] = 1, np.arange(3, nodes, 2)
    parents = np.zeros(nodes, dtype=INT)
    parents[0], parents[3::2], parents[4::2] = (
        2**31 - 1,
        np.arange(1, nodes - 2, 2),
        np.arange(1, nodes - 2, 2),
    )
    tree.update(
        {name: np.zeros(nodes, dtype=each.dtype) for name, each in tree.items() if np.size(each) == 7}
    )
    tree.update(
        left_children=left, right_children=np.where(left < 0, -1, left + 1).astype(INT), parents=parents
    )
    tree["tree_param"]["num_nodes"] = str(nodes)


TREES: dict[str, tuple[Callable[[Tree], object], str]] = {
    "a child beyond the nodes": (
        set_to("left_children", 0, 1_000_000),
        "tree 3, node 0: its children are not there",
    ),
    "a right child beyond the nodes": (set_to("left_children", 0, 6), "its children are not there"),
    "a negative child": (set_to("left_children", 0, -7), "its children are not there"),
    "a node that is its own child": (set_to("left_children", 0, 0), "its children are not there"),
    "a cycle": (set_to("left_children", 1, 1), "its right child is not the one after"),
    "a right child elsewhere": (set_to("right_children", 0, 1_000_000), "its right child"),
    "a leaf with a right child": (set_to("right_children", 6, 1), "its right child"),
    "a parent elsewhere": (set_to("parents", 1, 5), "another parent"),
    "a parent that is not there": (set_to("parents", 6, 1_000_000), "its parent is not there"),
    "a root with a parent": (set_to("parents", 0, 0), "its root has a parent"),
    "a feature that is not there": (set_to("split_indices", 0, 7), "a feature that is not there"),
    "a negative feature": (set_to("split_indices", 1, -1), "a feature that is not there"),
    "a leaf of a feature that is not there": (
        set_to("split_indices", 6, 1 << 30),
        "a feature that is not there",
    ),
    "a split of no type": (set_to("split_type", 0, 2), "split_type"),
    "a default of no side": (set_to("default_left", 0, 9), "default_left"),
    "an answer that is no number": (set_to("split_conditions", 6, np.nan), "no finite number"),
    "too deep": (chain, f"tree 3 is deeper than {DEPTH} splits"),
    "a categorical split without categories": (set_to("split_type", 0, 1), "categorical splits"),
    "categories of no split": (categorical(categories_nodes=[0, 6]), "categorical splits"),
    "categories before the first": (categorical(categories_segments=[-1]), "its categories are not there"),
    "categories behind the last": (categorical(categories_sizes=[3]), "its categories are not there"),
    "categories of an endless size": (
        categorical(categories_sizes=[2**63 - 1]),
        "its categories are not there",
    ),
    "no categories": (categorical(categories_sizes=[0]), "its categories are not there"),
    "a category beyond all": (categorical(categories=[0, 1 << 30]), "a category is not between"),
    "a negative category": (categorical(categories=[0, -1]), "a category is not between"),
    "fewer nodes than it says": (lambda tree: tree["tree_param"].update(num_nodes="9"), "not what it says"),
    "no node at all": (lambda tree: tree.update(left_children=np.zeros(0, INT)), "not what it says"),
    "another number": (lambda tree: tree.update(id=4), "not what it says"),
    "more features": (lambda tree: tree["tree_param"].update(num_feature="8"), "other features or outputs"),
    "several outputs": (
        lambda tree: tree["tree_param"].update(size_leaf_vector="3"),
        "other features or outputs",
    ),
    "no column of children": (lambda tree: tree.pop("right_children"), "right_children is not one value"),
    "children of another type": (
        lambda tree: tree.update(right_children=tree["right_children"].astype(LONG)),
        "right_children is not one value",
    ),
    "categories of another type": (
        lambda tree: tree.update(categories_sizes=np.zeros(0, INT)),
        "categories_sizes is missing or of another type",
    ),
    **{
        f"a short {name}": (shortened(name), f"{name} is not one value for each of 7 nodes")
        for name in (
            "right_children",
            "parents",
            "split_indices",
            "split_conditions",
            "default_left",
            "sum_hessian",
        )
    },
}


@pytest.mark.parametrize("fault", TREES)
def test_a_tree_that_leads_nowhere_is_refused_by_name(fault: str) -> None:
    """The checksum is right, so only the tree itself can say what is wrong."""
    change, reason = TREES[fault]
    with pytest.raises(ModelRefusedError, match=reason):
        load(in_tree(change))


def in_learner(*path: str, **values: Any) -> Callable[[dict[str, Any]], object]:
    def _change(booster: dict[str, Any]) -> None:
        node = booster["learner"]
        for name in path:
            node = node[name]
        node.update(values)

    return _change


def in_model(**values: Any) -> Callable[[dict[str, Any]], object]:
    return in_learner("gradient_booster", "model", **values)


PARAM = ("learner_model_param",)
INFO = model_of(SOUND)["tree_info"]
ROUNDS = model_of(SOUND)["iteration_indptr"]
TABLE = {"offsets": np.array([0, 1, 2], INT), "values": np.array([120, 121], np.int8)}

LEARNERS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a class that is not there": (in_model(tree_info=[3, *INFO[1:]]), "of a class that is not there"),
    "a negative class": (in_model(tree_info=[-1, *INFO[1:]]), "of a class that is not there"),
    "a tree without class": (in_model(tree_info=INFO[1:]), "not all of a class"),
    "classes that are no numbers": (in_model(tree_info=["0", *INFO[1:]]), "tree_info are no whole numbers"),
    "a tree less": (in_model(trees=model_of(SOUND)["trees"][1:]), "num_trees"),
    "no trees": (in_model(trees=[]), "num_trees"),
    "rounds beyond the trees": (
        in_model(iteration_indptr=[*ROUNDS[:-1], 81]),
        "not a partition of its trees",
    ),
    "rounds that go back": (
        in_model(iteration_indptr=[0, 6, 3, *ROUNDS[3:]]),
        "not a partition of its trees",
    ),
    "categories without order": (
        in_model(cats={"enc": [TABLE], "feature_segments": [0, 2], "sorted_idx": [0, 9]}),
        "its categories have no order",
    ),
    "categories of no feature": (
        in_model(cats={"enc": [TABLE], "feature_segments": [0, 5], "sorted_idx": [0, 1, 2, 3, 4]}),
        "not those of its features",
    ),
    "torn categories": (
        in_model(
            cats={
                "enc": [{**TABLE, "offsets": np.array([0, 1, 900], INT)}],
                "feature_segments": [0, 2],
                "sorted_idx": [0, 1],
            }
        ),
        "its categories are torn",
    ),
    "another number of classes": (in_learner(*PARAM, num_class="900"), "base scores"),
    "endless classes": (in_learner(*PARAM, num_class="999999999"), "num_class is no number up to"),
    "endless features": (in_learner(*PARAM, num_feature="999999999"), "num_feature is no number up to"),
    "several targets": (in_learner(*PARAM, num_target="0"), "several targets"),
    "a base score less": (in_learner(*PARAM, base_score="[1E-1,2E-1]"), "base scores"),
    "a base score that is none": (in_learner(*PARAM, base_score="[1,2,nan]"), "base scores"),
    "nested base scores": (in_learner(*PARAM, base_score="[" * 100_000), "base scores"),
    "an objective of other classes": (
        in_learner("objective", softmax_multiclass_param={"num_class": "9"}),
        "its objective is of another number of classes",
    ),
    "a linear booster": (in_learner("gradient_booster", name="gblinear"), "not gbtree"),
    "a feature's name less": (in_learner(feature_names=["a"]), "1 feature_names for 7 features"),
    "names that are no texts": (in_learner(feature_names=[1] * 7), "feature_names are no texts"),
    "another version": (lambda booster: booster.update(version=[1, 5, 0]), "not written by XGBoost 3"),
    "no learner": (lambda booster: booster.pop("learner"), "learner is missing"),
}


@pytest.mark.parametrize("fault", LEARNERS)
def test_a_booster_that_does_not_hold_together_is_refused_by_name(fault: str) -> None:
    """Counts, classes, rounds and sizes that XGBoost would count or allocate with."""
    change, reason = LEARNERS[fault]
    with pytest.raises(ModelRefusedError, match=reason):
        load(changed(change))


def trained(data: xgboost.DMatrix, rounds: int = 3, **chosen: Any) -> xgboost.Booster:
    return xgboost.train(
        {"objective": "multi:softprob", "num_class": 3, "nthread": 1, **chosen}, data, rounds
    )


def table(rows: int = 500, classes: int = 3) -> xgboost.DMatrix:
    chance = np.random.default_rng(1)
    return xgboost.DMatrix(chance.normal(size=(rows, 7)), chance.integers(0, classes, rows))


@functools.cache
def of_words() -> xgboost.Booster:
    """A booster of a feature with words, which splits them in sets."""
    chance = np.random.default_rng(1)
    words, numbers = chance.choice([*"vwxyz"], 500), chance.normal(size=500)
    columns = pa.table({"a": numbers, "b": pa.array(words).dictionary_encode()})
    label = (numbers > 0).astype(int) + np.isin(words, ["x", "w"])
    return trained(xgboost.DMatrix(columns, label=label, enable_categorical=True), max_cat_to_onehot=1)


OTHERS: dict[str, Callable[[], xgboost.Booster]] = {
    "pruned": lambda: trained(table(), tree_method="exact", gamma=2),
    "by loss": lambda: trained(table(5_000), grow_policy="lossguide", max_leaves=60, max_depth=0),
    "several trees at once": lambda: trained(table(), num_parallel_tree=4, subsample=0.5),
    "sliced": lambda: trained(table(), 10)[2:7],
    "of two classes": lambda: xgboost.train(
        {"objective": "binary:logistic", "nthread": 1}, table(classes=2), 3
    ),
    "of words": of_words,
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_xgboost_trains_is_sound(kind: str) -> None:
    """Nodes that pruning left behind, categories, and unequal trees are no faults."""
    check_booster(bytes(OTHERS[kind]().save_raw("ubj")))


def mutants(seed: int, count: int) -> Iterator[bytes]:
    """Boosters with something changed in them: a value, a length, a bit."""
    chance = random.Random(seed)  # noqa: S311  damage needs no secrecy
    pruned, worded = (decode(bytes(OTHERS[kind]().save_raw("ubj"))) for kind in ("pruned", "of words"))
    for _ in range(count):
        booster = chance.choice((SOUND, pruned, worded))
        tree = chance.choice(model_of(booster)["trees"])
        name = chance.choice([name for name, each in tree.items() if isinstance(each, np.ndarray)])
        sound, tree[name] = tree[name], _mutant(tree[name], chance)
        raw = bytearray(encode(booster))
        tree[name] = sound
        if chance.random() < 0.3:
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        yield bytes(raw)


def _mutant(column: np.ndarray[Any, Any], chance: random.Random) -> np.ndarray[Any, Any]:
    if not len(column) or chance.random() < 0.2:
        return np.resize(column, chance.randrange(2 * len(column) + 1)).astype(column.dtype)
    changed = column.copy()
    narrow = column.dtype.itemsize == 1
    value = chance.choice(
        (0, 1, 127) if narrow else (-(2**31), -1, 0, len(column) - 1, len(column), 2**31 - 1)
    )
    changed[chance.randrange(len(column))] = value
    return changed


def survive(seed: int, count: int) -> int:
    """Let XGBoost answer with every mutant that the check lets through, and give how many those were."""
    passed = 0
    rows = np.random.default_rng(seed).normal(size=(300, 7)).astype(np.float32) * 20
    rows[rows > 30] = np.nan
    for raw in mutants(seed, count):
        try:
            check_booster(raw)
        except MalformedBoosterError:
            continue
        passed += 1
        booster = xgboost.Booster({"nthread": 1})
        try:
            booster.load_model(bytearray(raw))
            booster.inplace_predict(rows[:, : booster.num_features()], predict_type="margin")
        except xgboost.core.XGBoostError:
            continue
    return passed


@pytest.mark.parametrize("seed", range(3))
def test_whatever_passes_does_not_end_the_process(seed: int) -> None:
    """Hundreds of changed models under right checksums: most are refused, and with none of the others XGBoost crashes."""
    program = f"from tests.worker.models.test_booster_check import survive; print(survive({seed}, 100))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 90
