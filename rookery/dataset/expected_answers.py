"""ExpectedAnswers: the predictions of the same model without the stream, to compare the stream's results with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rookery.errors import UserError
from rookery.schemas.codec import decode
from rookery.schemas.features import matrix
from rookery.schemas.reading import Reading
from rookery.worker.models.choose import source_of
from rookery.worker.models.loader import SHIPPED, ModelRefusedError, load
from rookery.worker.models.source import ModelAddressError, ModelUnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.dataset.readings import ShippedReading


@dataclass(frozen=True, slots=True)
class ExpectedAnswers:
    """The predicted species of each measured reading by its number, and the model's cross-validated accuracy."""

    answers: dict[int, str]
    expected_accuracy: float


def expected_answers(readings: Sequence[ShippedReading]) -> ExpectedAnswers:
    """Predict with the model that a worker started from here will load; raises UserError where it cannot be loaded."""
    try:
        source = source_of(os.environ.get("ROOKERY_MODEL") or str(SHIPPED))
        classifier = load(source.fetch().artifact)
    except (ModelAddressError, ModelRefusedError, ModelUnreachableError) as error:
        raise UserError(str(error), hint="`rookery train` makes a model.") from None
    if (report := classifier.card.report) is None:
        raise UserError("The model says nothing of its training.", hint="`rookery train` makes a model.")
    measured = [each for each in readings if each.measured]
    decoded = [one for each in measured if isinstance(one := decode(each.payload("expected")), Reading)]
    predicted = classifier.classify(matrix(decoded))
    return ExpectedAnswers(
        answers={
            each.number: predicted.labels[label]
            for each, label in zip(measured, predicted.label_indices, strict=True)
        },
        expected_accuracy=report.cross_validated.accuracy,
    )
