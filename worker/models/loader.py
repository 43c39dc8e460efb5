"""Load a model artifact and trust nothing: checksum, card, contract, golden readings, and only then use it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import ValidationError

from rookery import data
from rookery.schemas.artifact import (
    CARD_ATTRIBUTE,
    InvalidArtifactError,
    ModelCard,
    max_bytes,
    read_card,
    unseal,
)
from rookery.worker.inference.outliers import OutlierDetector
from rookery.worker.inference.xgboost_classifier import (
    UnreadableModelError,
    XGBoostClassifier,
    golden_rows,
    parse,
)
from rookery.worker.models.agreement import disagreements
from rookery.worker.models.booster_facts import read_facts
from rookery.worker.models.regular_file import read_regular

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xgboost import Booster

SHIPPED: Final = Path(__file__).parents[1] / "shipped" / f"{data.SHIPPED}.ubj"
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
        raw = unseal(artifact)
        booster = parse(raw)
        facts = read_facts(raw)
        card = _card(booster)
        _hold(disagreements(card, facts, rounds=booster.num_boosted_rounds()))
        classifier = XGBoostClassifier(
            booster, card, outputs=facts.outputs, outliers=_outliers(card), digest=digest
        )
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
        return read_regular(path, max_bytes() + 1)[0]
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


def _outliers(card: ModelCard) -> OutlierDetector | None:
    if card.outliers is None:
        return None
    try:
        return OutlierDetector(card.outliers, card.contract.names)
    except (ValueError, IndexError, np.linalg.LinAlgError) as error:
        raise _MismatchError(f"outlier rule: {error}") from None


def _warm_up(classifier: XGBoostClassifier) -> None:
    """Page in the code that every batch runs through, so that the first one is not the slow one."""
    rows = golden_rows(classifier.card.golden)
    for count in _WARM_UP_ROWS:
        classifier.classify(np.resize(rows, (count, rows.shape[1])))
