"""Oracle: the same model, asked directly, so that the stream's answers have something to agree with."""

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
    """The species of each measured bird by its number, and how often the model is right about birds it never saw."""

    answers: dict[int, str]
    unseen_accuracy: float


def ask(birds: Sequence[ShippedReading]) -> ExpectedAnswers:
    """Ask the model that a worker started from here will use; raises UserError where it cannot be loaded."""
    try:
        source = source_of(os.environ.get("ROOKERY_MODEL") or str(SHIPPED))
        classifier = load(source.fetch().artifact)
    except (ModelAddressError, ModelRefusedError, ModelUnreachableError) as error:
        raise UserError(str(error), hint="`rookery train` makes a model.") from None
    measured = [bird for bird in birds if bird.measured]
    readings = [reading for bird in measured if isinstance(reading := decode(bird.payload("asked")), Reading)]
    asked = classifier.classify(matrix(readings))
    return ExpectedAnswers(
        answers={
            bird.number: asked.labels[winner] for bird, winner in zip(measured, asked.winners, strict=True)
        },
        unseen_accuracy=classifier.card.report.cross_validated.accuracy,
    )
