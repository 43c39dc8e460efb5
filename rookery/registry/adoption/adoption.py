"""Adoption step by step: read the model, settle its contract, choose golden readings, prove the answers, seal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xgboost

from rookery.registry.adoption.booster import StandardBooster, standard_booster
from rookery.registry.adoption.contract import given_contract, inferred_contract
from rookery.registry.adoption.leaf_rows import leaf_rows
from rookery.registry.adoption.sample import EncodedSample, as_training_data, encoded, label_fit, reordered
from rookery.registry.adoption.saved_form import NotAdoptableError
from rookery.schemas.artifact import CARD_ATTRIBUTE, MAX_BYTES_VARIABLE, ModelCard, max_bytes, seal
from rookery.training.distribution import distribution
from rookery.training.golden import golden
from rookery.worker.models.loader import ModelRefusedError, load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rookery.schemas.artifact import Distribution, OutlierRule
    from rookery.schemas.contract.contract import Contract
    from rookery.training.tables.source_table import SourceTable

SEED: Final = 7
TOLERANCE: Final = 1e-6
"""How far a served probability may be from predict_proba's: the exponential's last bits differ."""

MOST_ASKED: Final = 5_000
"""Readings of a sample that golden ones are chosen from and that the answers are compared on."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """The artifact, its card, and sentences about what was done and proved."""

    artifact: bytes
    card: ModelCard
    notes: tuple[str, ...]


def adopt(
    raw: bytes,
    *,
    name: str,
    sample: SourceTable | None = None,
    label: str | None = None,
    contract: Contract | None = None,
) -> Adopted:
    """Make an artifact of a saved XGBoost classifier; raises NotAdoptableError, and UserError where a package is missing."""
    standard = standard_booster(raw)
    if contract is None:
        settled, is_given = inferred_contract(standard, name, sample, label), False
    else:
        settled, is_given = given_contract(standard, contract), True
    known = None if sample is None else encoded(sample, settled, label)
    contract, known, fitted = _fitted(standard, settled, known, is_given=is_given)
    card = _card(standard, contract, known)
    asked = _asked(standard, contract, known)
    booster = standard.booster
    booster.feature_names = list(contract.names)
    card = card.model_copy(update={"golden": golden(booster, asked, card.outliers, contract)})
    booster.set_attr(**{CARD_ATTRIBUTE: card.model_dump_json()})
    artifact = seal(bytes(booster.save_raw("ubj")))
    return Adopted(
        artifact, card, (*standard.notes, *fitted, *_said(contract, card), _proved(standard, artifact, asked))
    )


def _card(standard: StandardBooster, contract: Contract, known: EncodedSample | None) -> ModelCard:
    """The card without its golden readings."""
    described: dict[str, Distribution] = {}
    rule: OutlierRule | None = None
    if known is not None:
        described = distribution(known.matrix, contract.names)
        rule = _rule(standard, contract, known)
    nothing: dict[str, Any] = {"rows": (), "margins": (), "probabilities": (), "out_of_distribution": ()}
    return ModelCard(
        contract=contract,
        xgboost_version=xgboost.__version__,
        rounds=standard.booster.num_boosted_rounds(),
        golden=nothing,  # type: ignore[arg-type]  # pydantic makes it of a dictionary
        distribution=described,
        outliers=rule,
    )


def _rule(standard: StandardBooster, contract: Contract, known: EncodedSample) -> OutlierRule | None:
    from rookery.training.outliers.calibration import calibrate  # noqa: PLC0415  scikit-learn takes a second
    from rookery.training.validation import ValidationPlan  # noqa: PLC0415  likewise

    data = as_training_data(standard, known, contract)
    gains = standard.booster.get_score(importance_type="total_gain")
    used = sorted(gains, key=lambda name: -float(str(gains[name])))
    found = calibrate(data, ValidationPlan(repeats=1), most_used=used, seed=SEED)
    return None if found is None else found.rule


def _asked(standard: StandardBooster, contract: Contract, known: EncodedSample | None) -> NDArray[np.float32]:
    """Rows that reach every leaf that can be reached: the sample's, and made ones."""
    width = len(contract.names)
    rows = np.empty((0, width), np.float32) if known is None else known.matrix[:MOST_ASKED]
    return np.vstack([rows, leaf_rows(standard.booster, standard.trees, rows, seed=SEED)])


def _fitted(
    standard: StandardBooster, contract: Contract, known: EncodedSample | None, *, is_given: bool
) -> tuple[Contract, EncodedSample | None, list[str]]:
    """Bring inferred labels into the order in which the model answers the sample; raises NotAdoptableError for a given one that differs."""
    fit = None if known is None else label_fit(standard, known)
    if known is None or fit is None:
        return contract, known, []
    if fit.order is None:
        return contract, known, [f"accuracy on the sample: {fit.share:.1%}"]
    labels = tuple(contract.labels[place] for place in fit.order)
    said = f"{fit.ordered_share:.1%} of the sample in the order {', '.join(labels)}, {fit.share:.1%} in that of the "
    if is_given:
        raise NotAdoptableError(
            f"its labels stand in another order: it answers {said}contract",
            needed="Correct the contract's labels.",
        )
    contract = contract.model_copy(update={"labels": labels})
    return (
        contract,
        reordered(known, fit.order),
        [f"labels are in the model's order: it answers {said}alphabet"],
    )


def _said(contract: Contract, card: ModelCard) -> list[str]:
    said = []
    if card.outliers is None:
        said.append(
            "out-of-distribution readings are not flagged, for that takes a sample of measured readings"
        )
    if not card.distribution:
        said.append("drift is not watched, for that takes a sample")
    if contract.labels == tuple(str(each) for each in range(len(contract.labels))):
        said.append("labels are the class numbers; a sample with --label, or a contract, names them")
    return said


def _proved(standard: StandardBooster, artifact: bytes, asked: NDArray[np.float32]) -> str:
    """Load the artifact as a worker does and compare its answers; raises NotAdoptableError where they differ."""
    if len(artifact) > (most := max_bytes()):
        raise NotAdoptableError(
            f"it has {len(artifact)} bytes, more than the {most} that a model may have",
            needed=f"Train with fewer rounds or leaves, or set {MAX_BYTES_VARIABLE} here and for the workers.",
        )
    try:
        classifier = load(artifact)
    except ModelRefusedError as error:
        raise NotAdoptableError("; ".join(error.reasons), needed="No worker would load it.") from None
    served = classifier.classify(asked).probabilities
    apart = float(np.abs(served - standard.predict_proba(asked)).max())
    if not apart <= TOLERANCE:
        raise NotAdoptableError(
            f"its answers differ from predict_proba by {apart:g}", needed="Please report it with the model."
        )
    golden = len(classifier.card.golden.rows)
    return f"{golden} golden readings reach every leaf that can be reached; answers equal predict_proba on {len(asked)} readings (to {max(apart, 1e-9):.0e})"
