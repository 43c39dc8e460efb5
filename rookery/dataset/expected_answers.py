"""ExpectedAnswers: the predictions of the same model without the stream, to compare the stream's results with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rookery.errors import UserError
from rookery.schemas.codec import decode_reading
from rookery.worker.models.choose import source_of
from rookery.worker.models.loader import SHIPPED, ModelRefusedError, load
from rookery.worker.models.source import ModelAddressError, ModelUnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rookery.dataset.readings import KnownReading


@dataclass(frozen=True, slots=True)
class ExpectedAnswers:
    """The predicted label of each complete reading by its number, and how well the model knew its training data.

    `expected_accuracy` is the model's cross-validated accuracy, `training_accuracy` that on the readings it learned from.
    """

    answers: dict[int, str]
    expected_accuracy: float
    training_accuracy: float


def expected_answers(readings: Sequence[KnownReading], model: Path | None = None) -> ExpectedAnswers:
    """Predict with a model, or with the one that a worker started from here takes; raises UserError where it cannot be loaded."""
    try:
        source = source_of(str(model or os.environ.get("ROOKERY_MODEL") or SHIPPED))
        classifier = load(source.fetch().artifact)
    except (ModelAddressError, ModelRefusedError, ModelUnreachableError) as error:
        raise UserError(str(error), hint="`rookery train` makes a model.") from None
    if (report := classifier.card.report) is None:
        raise UserError("The model says nothing of its training.", hint="`rookery train` makes a model.")
    contract = classifier.contract
    complete = [each for each in readings if each.complete]
    decoded = [decode_reading(each.payload("expected"), contract).fields for each in complete]
    predicted = classifier.classify(contract.fields_matrix(decoded))
    return ExpectedAnswers(
        answers={
            each.number: contract.contract.labels[label]
            for each, label in zip(complete, predicted.label_indices, strict=True)
        },
        expected_accuracy=report.cross_validated.accuracy,
        training_accuracy=report.training.accuracy,
    )
