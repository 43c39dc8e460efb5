"""Artifacts: only a whole model that keeps the contract and repeats its golden answers is loaded."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xgboost

from rookery.schemas.artifact import CARD_ATTRIBUTE, MAX_BYTES, seal, unseal
from rookery.worker.inference.xgboost_classifier import golden_rows
from rookery.worker.models.loader import SHIPPED, ModelRefusedError, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ARTIFACT = SHIPPED.read_bytes()


def forged(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return the shipped artifact with its card changed and its checksum right."""
    booster = opened()
    card = json.loads(booster.attr(CARD_ATTRIBUTE))
    change(card)
    booster.set_attr(**{CARD_ATTRIBUTE: json.dumps(card)})
    return seal(bytes(booster.save_raw("ubj")))


def opened() -> xgboost.Booster:
    booster = xgboost.Booster()
    booster.load_model(bytearray(unseal(ARTIFACT)))
    return booster


def test_the_shipped_model_loads_under_its_digest() -> None:
    """A model is named by the first twelve digits of its file's sha256, from a path and from bytes."""
    digest = hashlib.sha256(ARTIFACT).hexdigest()
    for source in (SHIPPED, ARTIFACT):
        classifier = load(source)
        assert (classifier.digest, classifier.model) == (digest, digest[:12])
        assert classifier.healthy()


def test_plain_xgboost_opens_a_model_file_as_it_is() -> None:
    """The line behind the booster is no obstacle: Booster and XGBClassifier read path and bytes, and answer the same."""
    rows = np.array(
        [[39.1, 18.7, 181, 3750, 2007, 1, 2], [np.nan, 17.0, 220, 5000, 2008, 0, 1]], dtype=np.float32
    )
    expected = opened().inplace_predict(rows)
    # In a process of its own: in this one, xgboost may be imported as a worker does, without scikit-learn's wrappers.
    answers = subprocess.run(
        [sys.executable, "-c", PLAIN_XGBOOST, str(SHIPPED)],
        input=json.dumps(rows.tolist()),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for answered in json.loads(answers):
        np.testing.assert_array_equal(np.array(answered, dtype=np.float32), expected)


PLAIN_XGBOOST = """
import json, pathlib, sys
import numpy as np, xgboost
rows = np.array(json.load(sys.stdin), dtype=np.float32)
from_path, from_bytes, wrapped = xgboost.Booster(), xgboost.Booster(), xgboost.XGBClassifier()
from_path.load_model(sys.argv[1])
from_bytes.load_model(bytearray(pathlib.Path(sys.argv[1]).read_bytes()))
wrapped.load_model(sys.argv[1])
answers = from_path.inplace_predict(rows), from_bytes.inplace_predict(rows), wrapped.predict_proba(rows)
print(json.dumps([each.tolist() for each in answers]))
"""


def test_a_file_with_the_line_in_front_is_still_read() -> None:
    """Models of the former version answer as before, under the digest of their file."""
    raw = unseal(ARTIFACT)
    former = (
        b"rookery-model/1 sha256=%s length=%d\n" % (hashlib.sha256(raw).hexdigest().encode(), len(raw)) + raw
    )
    assert unseal(former) == raw
    assert load(former).digest == hashlib.sha256(former).hexdigest()
    with pytest.raises(ModelRefusedError, match="the file is damaged"):
        load(former[:-1] + bytes([former[-1] ^ 1]))
    with pytest.raises(ModelRefusedError, match="promises"):
        load(former[:-1])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (ARTIFACT[:-1], "it is cut short, or a UBJ without a card"),
        (b'{"learner": {}}', "it is JSON, perhaps XGBoost's own"),
        (b"\x80\x04\x95", "it is a pickle, which is code and never loaded"),
        (b"PK\x03\x04", "it is no model"),
    ],
)
def test_a_file_that_is_no_artifact_is_refused_by_its_kind(content: bytes, kind: str) -> None:
    """The operator learns what the file is instead, and which command writes models."""
    with pytest.raises(ModelRefusedError, match=kind) as refused:
        load(content)
    assert "`rookery train` writes models" in str(refused.value)


def test_an_unchanged_forgery_is_accepted() -> None:
    """The tests below refuse what they changed, not how they changed it."""
    assert load(forged(lambda _: None)).healthy()


@pytest.mark.parametrize("seed", range(10))
def test_damage_is_refused_before_xgboost_sees_it(seed: int) -> None:
    """Of hundreds of flipped bits, cut ends and added bytes not one is accepted, and none ends the process."""
    chance = random.Random(seed)  # noqa: S311  damage needs no secrecy
    for _ in range(40):
        damaged = bytearray(ARTIFACT)
        for _ in range(chance.choice((1, 1, 8))):
            bit = chance.randrange(len(damaged) * 8)
            damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelRefusedError):
            load(bytes(damaged))
        with pytest.raises(ModelRefusedError):
            load(ARTIFACT[: chance.randrange(len(ARTIFACT))])
        with pytest.raises(ModelRefusedError):
            load(ARTIFACT + chance.randbytes(chance.randrange(1, 9)))


def test_every_bit_of_the_line_counts() -> None:
    """No damage to the line of length and checksum passes either."""
    for bit in range(ARTIFACT.rindex(b"\nrookery-model") * 8, len(ARTIFACT) * 8):
        damaged = bytearray(ARTIFACT)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelRefusedError):
            load(bytes(damaged))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda card: card["contract"]["features"].reverse(), "features of the booster:"),
        (lambda card: card["contract"]["features"][0].update(kind="text"), "card: contract.features.0.kind"),
        (lambda card: card["contract"]["labels"].pop(), "labels: 2 where 3 is needed"),
        (lambda card: card["contract"]["features"].pop(), "number of the booster's features: 7 where 6"),
        (lambda card: card.update(rounds=3), "rounds of the booster:"),
        (lambda card: card.update(xgboost_version="2.1.0"), "xgboost's major version: 2 where"),
        (lambda card: card.update(format=3), "card: format"),
        (lambda card: card.update(surprise=1), "card: surprise"),
        (lambda card: card.pop("golden"), "card: golden"),
        (lambda card: card["golden"].update(rows=[]), "golden readings"),
        (lambda card: card["golden"]["rows"][0].pop(), "width of the golden readings"),
        (lambda card: card["golden"]["margins"].pop(), "golden margins"),
        (lambda card: card["golden"]["margins"][5].reverse(), "the margins differ"),
        (lambda card: card["golden"]["probabilities"][5].reverse(), "the probabilities differ"),
        (lambda card: card["golden"]["out_of_distribution"].reverse(), "out of distribution"),
        (lambda card: card["outliers"]["limits"].pop(), "outlier limits"),
        (lambda card: card["outliers"]["clusters"].extend(card["outliers"]["clusters"]), "outlier clusters"),
        (lambda card: card["outliers"]["features"].append("sex"), "that are no numeric features: sex where"),
        (lambda card: card["outliers"]["clusters"][0].update(covariance=[[0] * 4] * 4), "outlier rule"),
        (lambda card: card["outliers"]["clusters"][0].update(mean=[1]), "outlier rule"),
    ],
)
def test_a_model_against_the_contract_is_refused(
    change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    """Another feature order, categories, classes, version, or golden answers: refused, and the reason says which."""
    with pytest.raises(ModelRefusedError, match=reason):
        load(forged(change))


def test_every_reason_is_named_at_once() -> None:
    """One load of a model names every mistake in it."""

    def change(card: dict[str, Any]) -> None:
        card["contract"]["features"].reverse()
        card["golden"]["margins"].pop()

    with pytest.raises(ModelRefusedError) as refused:
        load(forged(change))
    assert [reason.split(":")[0] for reason in refused.value.reasons] == [
        "features of the booster",
        "golden margins",
    ]


def test_golden_readings_reach_every_leaf_of_every_tree() -> None:
    """So that no leaf can move without a golden margin that moves with it."""
    booster = opened()
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
    rows = golden_rows(load(ARTIFACT).card.golden)
    reached = booster.predict(xgboost.DMatrix(rows, feature_names=booster.feature_names), pred_leaf=True)
    for tree, found in zip(trees, reached.reshape(len(rows), -1).T, strict=True):
        leaves = {leaf for leaf, child in enumerate(tree["left_children"]) if child == -1}
        assert {int(leaf) for leaf in found} == leaves


def test_every_golden_margin_is_compared() -> None:
    """Any one that is off by little is seen, of whichever reading and class."""
    classifier = load(ARTIFACT)
    golden = classifier.card.golden
    for row, column in np.ndindex(len(golden.rows), len(golden.margins[0])):
        margins = np.array(golden.margins)
        margins[row, column] += 1e-3
        changed = golden.model_copy(update={"margins": margins.tolist()})
        classifier.card = classifier.card.model_copy(update={"golden": changed})
        assert classifier.deviations() == ["golden readings: the margins differ"]


def test_other_trees_under_the_same_card_are_refused() -> None:
    """A leaf that moved by little is seen, whatever its tree."""
    booster = opened()
    model = json.loads(booster.save_raw("json"))
    trees = model["learner"]["gradient_booster"]["model"]["trees"]
    for tree in (trees[0], trees[len(trees) // 2], trees[-1]):
        leaf = tree["left_children"].index(-1)
        tree["split_conditions"][leaf] += 1e-3
        booster.load_model(bytearray(json.dumps(model).encode()))
        tree["split_conditions"][leaf] -= 1e-3
        with pytest.raises(ModelRefusedError, match="the margins differ"):
            load(seal(bytes(booster.save_raw("ubj"))))


@pytest.mark.parametrize("raw", [b"", b"{", b"no booster at all", bytes(1000)])
def test_what_is_no_booster_is_refused(raw: bytes) -> None:
    """A right checksum over wrong bytes is refused in xgboost's words."""
    with pytest.raises(ModelRefusedError, match="cannot read it"):
        load(seal(raw))


def test_a_booster_without_card_is_refused() -> None:
    """A plain xgboost model says nothing of its contract."""
    booster = opened()
    booster.set_attr(**{CARD_ATTRIBUTE: None})
    with pytest.raises(ModelRefusedError, match="carries no card"):
        load(seal(bytes(booster.save_raw("ubj"))))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """An absent file, a folder and one beyond the size bound are refused by name, and not read whole."""
    huge = tmp_path / "huge.ubj"
    with huge.open("wb") as file:
        file.truncate(MAX_BYTES * 100)
    for path, reason in (
        (tmp_path / "absent.ubj", "No such file"),
        (tmp_path, "directory"),
        (huge, "more than"),
    ):
        with pytest.raises(ModelRefusedError, match=reason) as refused:
            load(path)
        assert str(path) in str(refused.value)


def test_a_worker_does_not_import_what_only_training_needs() -> None:
    """Loading leaves scikit-learn, pandas and matplotlib alone, and importable afterwards."""
    code = (
        "import sys; from rookery.worker.models.loader import SHIPPED, load; load(SHIPPED);"
        "print([name for name in ('sklearn', 'pandas', 'matplotlib') if name in sys.modules]);"
        "import sklearn"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
