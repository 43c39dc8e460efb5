"""The contract of an adopted model: from the model itself, a sample of readings, or a person's own contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.contracts.inference import contract_from, features_of, labels_of, target_of
from rookery.registry.adoption.booster import is_category
from rookery.registry.adoption.saved_form import NotAdoptableError
from rookery.schemas.contract.feature import Feature
from rookery.training.tables.data import place_of
from rookery.training.tables.source_table import TrainingDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.registry.adoption.booster import StandardBooster
    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.feature import Kind
    from rookery.training.tables.source_table import SourceTable

_KINDS: Final[dict[str, Kind]] = {"int": "integer", "float": "number", "q": "number", "i": "flag"}
"""XGBoost's type of a feature, and the kind that it is here."""

_CONTRACT: Final = "Say it in a contract (--contract); `rookery contract infer` writes one from a sample."


def given_contract(standard: StandardBooster, contract: Contract) -> Contract:
    """A person's contract with its features in the model's order; raises NotAdoptableError where it is not the model's."""
    if len(contract.labels) != standard.labels:
        raise _differs(f"the model has {standard.labels} labels, the contract {len(contract.labels)}")
    names = standard.names or contract.names
    if len(contract.names) != standard.width:
        raise _differs(f"the model has {standard.width} features, the contract {len(contract.names)}")
    if unknown := [name for name in names if name not in contract.names]:
        raise _differs(f"the contract has no feature {', '.join(unknown)}")
    features = tuple(map(contract.feature, names))
    for place, feature in enumerate(features):
        words = standard.categories.get(place, ())
        if words and feature.categories != words:
            shown = ", ".join(words)
            raise _differs(f"the categories of {feature.name} are {shown} in the model, in this order")
        if is_category(standard, place) and feature.kind == "number":
            raise _differs(f"{feature.name} is a category in the model")
    return contract.model_copy(update={"features": features})


def _differs(reason: str) -> NotAdoptableError:
    return NotAdoptableError(reason, needed="Correct the contract; it describes the model.")


def inferred_contract(
    standard: StandardBooster, name: str, sample: SourceTable | None, label: str | None
) -> Contract:
    """A contract from what the model says, and the bounds, words and labels of a sample; raises NotAdoptableError."""
    place = None if sample is None or label is None else place_of(sample, [label])
    if sample is not None and label is not None and place is None:
        raise NotAdoptableError(
            f"the sample has no column {label}, once", needed=f"It has {', '.join(sample.names)}."
        )
    labels, header = _labels(standard, sample, place)
    names = _names(standard, sample, place)
    features = [_feature(standard, column, each, sample) for column, each in enumerate(names)]
    target = target_of(header) if header else "label"
    while target in names:
        target = f"predicted_{target}"
    try:
        return contract_from(name, labels, features, target=target, header=header)
    except TrainingDataError as error:
        raise NotAdoptableError("; ".join(error.reasons), needed=_CONTRACT) from None


def _labels(
    standard: StandardBooster, sample: SourceTable | None, place: int | None
) -> tuple[Sequence[str], str | None]:
    """The labels, and the name of their column; the class numbers where there is none."""
    if sample is None or place is None:
        return [str(each) for each in range(standard.labels)], None
    labels = labels_of(sample.columns[place])
    header = sample.names[place]
    if len(labels) != standard.labels:
        shown = ", ".join(labels[:10])
        raise NotAdoptableError(
            f"the model has {standard.labels} labels, column {header} of the sample {len(labels)}: {shown}",
            needed="A sample needs a reading of each label; or name the labels in a contract (--contract).",
        )
    return labels, header


def _names(standard: StandardBooster, sample: SourceTable | None, place: int | None) -> tuple[str, ...]:
    """The names of the features: the model's, else the sample's columns where there are as many, else f0, f1 and so on."""
    if standard.names:
        return standard.names
    if sample is not None:
        columns = [name for column, name in enumerate(sample.names) if column != place]
        if len(columns) != standard.width:
            raise NotAdoptableError(
                f"the model has {standard.width} features without names, the sample {len(columns)} columns beside the label",
                needed="Leave the other columns out of the sample.",
            )
        return tuple(columns)
    return tuple(f"f{column}" for column in range(standard.width))


def _feature(standard: StandardBooster, place: int, name: str, sample: SourceTable | None) -> Feature:
    known = None if sample is None else _known(name, sample)
    if is_category(standard, place):
        return _category(name, standard.categories.get(place, ()), known)
    kind = _KINDS.get(standard.types[place] if standard.types else "")
    if known is None:
        return Feature(name=name, kind=kind or "number")
    if known.kind == "category":
        raise NotAdoptableError(
            f"feature {name} has words in the sample, and the model does not say which number each of them is",
            needed="Name the words in a contract (--contract), in the order of their numbers from 0.",
        )
    if known.kind == "flag" or kind in {None, "flag", known.kind}:
        return known
    # The model saw floats, or a sample of numbers is not as whole as what it was trained on.
    return known.model_copy(update={"kind": "number"}) if known.numeric else known


def _known(name: str, sample: SourceTable) -> Feature | None:
    """The feature that a column of the sample is by itself; None where it teaches nothing."""
    place = place_of(sample, [name])
    if place is None:
        raise NotAdoptableError(
            f"the sample has no column {name}, once", needed="Each feature of the model needs a column."
        )
    found, _ = features_of(sample.only(place))
    return found[0].model_copy(update={"name": name}) if found else None


def _category(name: str, words: Sequence[str], known: Feature | None) -> Feature:
    if words:
        if any(not each for each in words):
            raise NotAdoptableError(f"feature {name} has a category without a name", needed=_CONTRACT)
        return Feature(name=name, kind="category", categories=tuple(words))
    if known is None or known.kind != "category":
        raise NotAdoptableError(
            f"the model does not know the words of category {name}, for it was saved before XGBoost 3.1",
            needed="Name them in a contract (--contract), in the order of their codes, or give a sample.",
        )
    return known
