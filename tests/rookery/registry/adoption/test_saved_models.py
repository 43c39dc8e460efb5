"""The table of saved models: each is adopted with no code and answers as predict_proba; the others are refused with their reason."""

from __future__ import annotations

import gzip
import json
import pickle
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xgboost

from rookery.contracts.table_file import read_table
from rookery.errors import EXIT_FAILED
from rookery.registry.adoption.adoption import adopt
from rookery.registry.adoption.saved_form import NotAdoptableError
from rookery.schemas.artifact import unseal
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.models.ubj import decode
from tests.rookery.registry.adoption.conftest import run_saved_models
from tests.rookery.registry.adoption.saved_models import MODELS, SavedModel, file_of, native, table
from tests.worker.models.ubj_writer import encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rookery.registry.adoption.adoption import Adopted
    from rookery.training.tables.source_table import SourceTable

LABEL = "the label"


def sample_of(name: str, folder: Path) -> SourceTable:
    """The table as a CSV file, as its owner would have it, read back."""
    known = table(name)
    frame = known.features.assign(**{LABEL: np.array(known.names)[known.classes]})
    path = folder / "sample.csv"
    frame.to_csv(path, index=False)
    return read_table(path)


def readings(name: str) -> list[dict[str, Any]]:
    """The rows of a table as readings: JSON's values, words for categories, null for what is missing."""
    frame = table(name).features
    texts = frame.assign(
        **{
            each: frame[each].astype(object).map(str, na_action="ignore")
            for each in frame.select_dtypes("category")
        }
    )
    found: list[dict[str, Any]] = json.loads(texts.to_json(orient="records", double_precision=15))
    # pandas writes fifteen decimals, which are no digits of a tiny number.
    for column in frame.select_dtypes("number"):
        for reading, value in zip(found, frame[column].tolist(), strict=True):
            reading[column] = None if value != value else value  # noqa: PLR0124  only NaN differs from itself
    return found


@pytest.mark.parametrize("case", MODELS, ids=lambda case: case.name.replace(" ", "-"))
def test_a_saved_model_is_adopted_and_answers_as_predict_proba(
    case: SavedModel, models: Path, tmp_path: Path
) -> None:
    """With a sample alone: every row's probabilities are predict_proba's to 1e-6, and its labels carry the sample's names."""
    path = models / file_of(case)
    adopted = adopt(path.read_bytes(), name="saved", sample=sample_of(case.table, tmp_path), label=LABEL)
    classifier = load(adopted.artifact)
    rows = classifier.contract.fields_matrix(
        {name: reading[column] for name, column in zip(classifier.contract.names, reading, strict=True)}
        for reading in readings(case.table)
    )
    answers = classifier.classify(rows)
    assert np.abs(answers.probabilities - np.load(path.with_suffix(".npy"))).max() <= 1e-6
    assert set(answers.labels) == set(table(case.table).names)


BY_NAME = {case.name: case for case in MODELS}


def adopted_alone(name: str, models: Path) -> Adopted:
    return adopt((models / file_of(BY_NAME[name])).read_bytes(), name="saved")


@pytest.mark.parametrize(
    "name", ["wrapped softprob", "softmax without names", "categories in sets", "dart", "wide"]
)
def test_a_model_alone_is_adopted_without_a_sample(name: str, models: Path) -> None:
    """Golden readings are made from its trees, names and words are the model's or numbers, and what is unknown is said."""
    case = BY_NAME[name]
    adopted = adopted_alone(name, models)
    contract = adopted.card.contract
    assert contract.labels == tuple(str(each) for each in range(len(table(case.table).names)))
    assert adopted.card.outliers is None
    assert any("not flagged" in note for note in adopted.notes)
    if name == "softmax without names":
        assert contract.names == ("f0", "f1", "f2", "f3")
    if name == "categories in sets":
        assert contract.feature("colour").categories == ("null", "red", "sky", "tan", "yes")
        assert (contract.feature("open").kind, contract.feature("count").kind) == ("flag", "integer")
    assert (
        load(adopted.artifact).classify(np.zeros((3, len(contract.names)), np.float32)).out_of_distribution
        is None
    )


def leaves_reached(artifact: bytes) -> tuple[int, int]:
    """How many leaves the golden readings reach, and how many leaves there are."""
    classifier = load(artifact)
    rows = np.array(classifier.card.golden.rows, dtype=np.float32)
    booster = classifier.booster
    found = booster.predict(
        xgboost.DMatrix(rows, feature_types=booster.feature_types), pred_leaf=True, validate_features=False
    ).reshape(len(rows), -1)
    leaves = sum(dump.count("leaf=") for dump in booster.get_dump())
    return sum(len(np.unique(tree)) for tree in found.T), leaves


@pytest.mark.parametrize(
    "name", ["wrapped digits", "categories in sets", "early stopping", "pruned", "large"]
)
def test_golden_readings_reach_every_leaf(name: str, models: Path) -> None:
    """With no sample, from the trees alone; each loaded copy is then asked about each of its leaves."""
    reached, leaves = leaves_reached(adopted_alone(name, models).artifact)
    # The same feature may be compared twice on a path so that nothing gets through.
    assert reached >= 0.995 * leaves


def test_xgboost_opens_the_adopted_files(models: Path, tmp_path: Path) -> None:
    """The artifact is a standard model file: Booster and XGBClassifier load it, and its wrapper answers the same."""
    names = ("wrapped softprob", "native logistic", "categories", "early stopping")
    arguments: list[Path | str] = []
    for name in names:
        path = tmp_path / file_of(BY_NAME[name])
        adopted = adopted_alone(name, models)
        path.write_bytes(adopted.artifact)
        booster = xgboost.Booster()
        booster.load_model(path)
        assert booster.feature_names == list(adopted.card.contract.names)
        arguments += [path, BY_NAME[name].table]
    run_saved_models(*arguments)
    for name in names:
        answers = file_of(BY_NAME[name]).replace("ubj", "npy")
        assert np.abs(np.load(tmp_path / answers) - np.load(models / answers)).max() <= 1e-6


def test_an_adopted_model_is_a_standard_file_behind_which_its_checksum_stands(models: Path) -> None:
    """A changed byte is noticed before XGBoost's parser sees it."""
    artifact = adopted_alone("wrapped softprob", models).artifact
    assert unseal(artifact) == artifact[: len(unseal(artifact))]


def test_adopting_takes_less_than_ten_seconds_of_this_process(models: Path, tmp_path: Path) -> None:
    """A model of 2,000 trees and one of 300 features, by the processor's own clock."""
    for name in ("large", "wide"):
        path, sample = models / file_of(BY_NAME[name]), sample_of(BY_NAME[name].table, tmp_path)
        began = time.process_time()
        adopt(path.read_bytes(), name="saved", sample=sample, label=LABEL)
        assert time.process_time() - began < 10


def regression(
    objective: str, target: Callable[[np.ndarray], np.ndarray] = lambda classes: classes + 0.5
) -> bytes:
    known = table("two labels")
    data = xgboost.DMatrix(known.features, target(known.classes))
    return bytes(xgboost.train({"objective": objective, "nthread": 1}, data, 2).save_raw("ubj"))


def ranking() -> bytes:
    known = table("two labels")
    data = xgboost.DMatrix(known.features, known.classes, group=[len(known.classes)])
    return bytes(xgboost.train({"objective": "rank:pairwise", "nthread": 1}, data, 2).save_raw("ubj"))


def several_outputs() -> bytes:
    known = table("two labels")
    both = np.column_stack([known.classes, 1 - known.classes])
    data = xgboost.DMatrix(known.features, both)
    return bytes(xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 2).save_raw("ubj"))


def linear() -> bytes:
    found = decode(bytes(native(2)(table("iris")).save_raw("ubj")))
    found["learner"]["gradient_booster"]["name"] = "gblinear"
    return encode(found)


def dump() -> bytes:
    return "".join(native(1)(table("iris")).get_dump()).encode()


PROBABILITIES = "Train it with the objective multi:softprob, or binary:logistic for two labels."
REFUSED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "raw scores": (
        lambda: bytes(native(2, objective="binary:logitraw")(table("two labels")).save_raw("ubj")),
        "binary:logitraw: it answers with raw scores",
        PROBABILITIES,
    ),
    "hinge": (
        lambda: bytes(native(2, objective="binary:hinge")(table("two labels")).save_raw("json")),
        "binary:hinge: it answers 0 or 1",
        PROBABILITIES,
    ),
    "ranking": (ranking, "rank:pairwise: it orders rows", PROBABILITIES),
    "regression": (
        lambda: regression("reg:squarederror"),
        "reg:squarederror: it answers with numbers, which is regression",
        PROBABILITIES,
    ),
    "counts": (lambda: regression("count:poisson"), "count:poisson: it answers with numbers", PROBABILITIES),
    "survival": (lambda: regression("survival:cox"), "survival:cox: it answers with times", PROBABILITIES),
    "several outputs": (several_outputs, "it has several outputs", PROBABILITIES),
    "a linear booster": (linear, "its booster is gblinear, which has no trees", "gbtree is needed."),
    "a pickle": (
        lambda: pickle.dumps({"model": 1}),
        "it is a pickle (or a joblib file), which is code",
        "save_model",
    ),
    "a packed file": (lambda: gzip.compress(b"{}"), "it is packed by gzip", "save_model"),
    "a dump of the trees": (dump, "", "save_model"),
    "the old binary format": (
        lambda: b"binf" + bytes(400),
        "the binary format of XGBoost before 3.1",
        "save_model",
    ),
    "bytes of something": (lambda: bytes(range(256)) * 4, "it is neither UBJ nor JSON", "save_model"),
    "text": (lambda: b"hello", "it is text", "save_model"),
    "nothing": (lambda: b"", "it is empty", "save_model"),
    "JSON of something": (lambda: b'{"name": "iris"}', "xgboost 3", "save_model"),
    "a damaged UBJ": (
        lambda: bytes(native(2)(table("iris")).save_raw("ubj"))[:-90],
        "it is damaged",
        "save_model",
    ),
    "a model of Rookery": (SHIPPED.read_bytes, "it is a model of Rookery already", "model push"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_served_is_refused_with_its_reason(kind: str) -> None:
    """The reason names the objective or the form, and the hint says what is needed instead."""
    made, reason, needed = REFUSED[kind]
    with pytest.raises(NotAdoptableError) as refused:
        adopt(made(), name="saved")
    assert reason in str(refused.value)
    assert needed in refused.value.hint
    assert refused.value.code == EXIT_FAILED


def test_labels_that_the_model_has_in_another_order_are_put_into_it(models: Path, tmp_path: Path) -> None:
    """The alphabet is not the order of the classes; the sample's own labels say which it is."""
    case = BY_NAME["wrapped logistic"]
    adopted = adopt(
        (models / file_of(case)).read_bytes(),
        name="saved",
        sample=sample_of(case.table, tmp_path),
        label=LABEL,
    )
    assert adopted.card.contract.labels == ("malignant", "benign")
    assert any("in the model's order" in note for note in adopted.notes)


def test_a_given_contract_wins_and_must_be_the_models(models: Path) -> None:
    """Its bounds, labels and threshold are taken, its features put into the model's order; what contradicts the model is refused."""
    raw = (models / file_of(BY_NAME["native logistic"])).read_bytes()
    own = adopt(raw, name="saved").card.contract
    turned = own.model_copy(
        update={"features": own.features[::-1], "labels": ("no", "yes"), "threshold": 0.9}
    )
    adopted = adopt(raw, name="saved", contract=turned)
    assert adopted.card.contract.names == own.names
    classifier = load(adopted.artifact)
    answers = classifier.classify(np.random.default_rng(1).normal(size=(200, 12)).astype(np.float32))
    assert np.array_equal(answers.label_indices, (answers.probabilities[:, 1] >= 0.9).astype(int))
    for wrong, reason in (
        ({"labels": ("a", "b", "c"), "threshold": None}, "the model has 2 labels, the contract 3"),
        ({"features": own.features[:-1], "at_least_one_of": ()}, "12 features, the contract 11"),
        (
            {
                "features": (*own.features[:-1], own.features[0].model_copy(update={"name": "x"})),
                "at_least_one_of": (),
            },
            "no feature m11",
        ),
    ):
        with pytest.raises(NotAdoptableError, match=reason):
            adopt(raw, name="saved", contract=turned.model_copy(update=wrong))


def test_a_contract_with_other_categories_than_the_model_is_refused(models: Path) -> None:
    """The order of the words is that of the model's codes: another one would exchange their answers."""
    raw = (models / file_of(BY_NAME["categories"])).read_bytes()
    own = adopt(raw, name="saved").card.contract
    place = own.names.index("size")
    feature = own.features[place].model_copy(update={"categories": ("small", "medium", "large")})
    features = (*own.features[:place], feature, *own.features[place + 1 :])
    with pytest.raises(
        NotAdoptableError, match="the categories of size are large, medium, small in the model"
    ):
        adopt(raw, name="saved", contract=own.model_copy(update={"features": features}))
