"""Load a model artifact and trust nothing: checksum, card, contract, golden readings, and only then use it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import ValidationError

from rookery.schemas.artifact import (
    CARD_ATTRIBUTE,
    MAX_BYTES,
    InvalidArtifactError,
    ModelCard,
    OutlierRule,
    read_card,
    unseal,
)
from rookery.schemas.contract.default import default_contract
from rookery.worker.inference.outliers import OutlierDetector
from rookery.worker.inference.xgboost_classifier import (
    XGBOOST_VERSION,
    UnreadableModelError,
    XGBoostClassifier,
    golden_rows,
    parse,
)
from rookery.worker.models.regular_file import read_regular

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xgboost import Booster

SHIPPED: Final = Path(__file__).parents[1] / "shipped" / "penguins.ubj"
"""The model that answers where the settings name none, in every installation."""

_WARM_UP_ROWS: Final = (1, 64, 1024)


class ModelRefusedError(ValueError):
    """The artifact cannot be used; carries every reason."""

    def __init__(self, source: str, *reasons: str) -> None:
        super().__init__(f"model {source} is refused: {'; '.join(reasons)}")
        self.reasons = reasons


def load(source: Path | bytes) -> XGBoostClassifier:
    """Load an artifact from a path or its bytes, validated and warmed up; raises ModelRefusedError with every reason."""
    artifact = source if isinstance(source, bytes) else _read(source)
    digest = hashlib.sha256(artifact).hexdigest()
    name = digest[:12] if isinstance(source, bytes) else str(source)
    try:
        booster = parse(unseal(artifact))
        card = _card(booster)
        _hold(_against_contract(card, booster))
        classifier = XGBoostClassifier(booster, card, outliers=_outliers(card), digest=digest)
        _hold(classifier.deviations())
    except (InvalidArtifactError, UnreadableModelError) as error:
        raise ModelRefusedError(name, str(error)) from None
    except _MismatchError as error:
        raise ModelRefusedError(name, *error.reasons) from None
    _warm_up(classifier)
    return classifier


class _MismatchError(Exception):
    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = reasons


def _hold(reasons: Sequence[str]) -> None:
    if reasons:
        raise _MismatchError(*reasons)


def _read(path: Path) -> bytes:
    """Read no more than an artifact may have."""
    try:
        return read_regular(path, MAX_BYTES + 1)[0]
    except OSError as error:
        raise ModelRefusedError(str(path), f"it cannot be read: {error.strerror}") from None


def _card(booster: Booster) -> ModelCard:
    written = booster.attr(CARD_ATTRIBUTE)
    if written is None:
        raise _MismatchError("the booster carries no card")
    try:
        return read_card(written)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise _MismatchError(
            *(f"card: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
        ) from None


def _against_contract(card: ModelCard, booster: Booster) -> list[str]:
    """Name all in which the model differs from what readings and predictions are here."""
    golden = card.golden
    questions = len(golden.rows)
    rules: list[tuple[str, object, object]] = [
        ("contract", card.contract, default_contract()),
        ("features of the booster", tuple(booster.feature_names or ()), card.features),
        ("rounds of the booster", booster.num_boosted_rounds(), card.rounds),
        ("xgboost's major version", _major(card.xgboost_version), _major(XGBOOST_VERSION)),
        ("width of the golden readings", {len(row) for row in golden.rows}, {len(card.features)}),
        ("golden margins", [len(row) for row in golden.margins], [len(card.labels)] * questions),
        ("golden probabilities", [len(row) for row in golden.probabilities], [len(card.labels)] * questions),
        ("golden outliers", len(golden.out_of_distribution), questions),
        *_outlier_rules(card.outliers, len(card.labels)),
    ]
    return [
        f"{what}: {_shown(has)} where {_shown(needed)} is needed"
        for what, has, needed in rules
        if has != needed
    ]


def _outlier_rules(rule: OutlierRule | None, labels: int) -> list[tuple[str, object, object]]:
    if rule is None:
        return []
    limits = 2 ** len(rule.features) if rule.by == "pattern" else len(rule.features) + 1
    return [("outlier limits", len(rule.limits), limits), ("outlier clusters", len(rule.clusters), labels)]


def _major(version: str) -> str:
    return version.split(".", maxsplit=1)[0]


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _outliers(card: ModelCard) -> OutlierDetector:
    if card.outliers is None:
        raise _MismatchError("the card has no outlier rule")
    try:
        return OutlierDetector(card.outliers)
    except (ValueError, IndexError, np.linalg.LinAlgError) as error:
        raise _MismatchError(f"outlier rule: {error}") from None


def _warm_up(classifier: XGBoostClassifier) -> None:
    """Page in the code that every batch runs through, so that the first one is not the slow one."""
    rows = golden_rows(classifier.card.golden)
    for count in _WARM_UP_ROWS:
        classifier.classify(np.resize(rows, (count, rows.shape[1])))
