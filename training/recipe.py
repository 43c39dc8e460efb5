"""The story of training: read, cross-validate, choose, fit, describe, seal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import xgboost

from rookery.schemas.artifact import CARD_ATTRIBUTE, ModelCard, TrainingReport, seal
from rookery.schemas.atomic_file import write_atomically
from rookery.schemas.features import CATEGORIES, FEATURES
from rookery.schemas.reading import SPECIES
from rookery.training.distribution import distribution
from rookery.training.golden import golden
from rookery.training.masking import with_masked_copies
from rookery.training.outliers import calibrate
from rookery.training.penguins import read
from rookery.training.scores import accuracy, score
from rookery.training.selection import best, candidates, choose
from rookery.training.trees import PARAMETERS, fit
from rookery.training.validation import ValidationPlan, by_round, without

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.schemas.artifact import Candidate, Scores
    from rookery.training.penguins import TrainingData

SEED: Final = 7

HIDDEN: Final = (
    ("sex", "year", "island"),
    ("bill_length_mm",),
    ("bill_depth_mm",),
    ("flipper_length_mm",),
    ("body_mass_g",),
    ("bill_depth_mm", "body_mass_g", "sex", "year", "island"),
)
"""What the report says of readings that lack features."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The bytes of the artifact, and the card that is inside."""

    artifact: bytes
    card: ModelCard

    @property
    def report(self) -> TrainingReport:
        """What training saw and measured."""
        return self.card.report

    def write(self, path: Path) -> None:
        """Write the artifact so that a reader finds all of it or nothing new; raises OSError."""
        write_atomically(path, self.artifact, sync=False)


@dataclass(frozen=True, slots=True)
class Size:
    """A size of model that is given, not chosen."""

    depth: int
    rounds: int


def train(
    data: Path, *, seed: int = SEED, plan: ValidationPlan | None = None, size: Size | None = None
) -> Trained:
    """Train on a CSV file of known birds; the same file, seed and size yield the same bytes. Raises BadData.

    Without a size the smallest model is chosen that loses nothing.
    """
    plan = plan or ValidationPlan()
    if size is not None:
        plan = replace(plan, depths=(size.depth,), rounds=size.rounds, patience=size.rounds)
    birds = read(data)
    by_depth = [_judge(birds, plan, depth=depth, seed=seed) for depth in plan.depths]
    if size is None:
        chosen = choose(candidate for judged in by_depth for candidate in judged)
    else:
        chosen = by_depth[0][-1]
    booster = fit(birds.matrix, birds.species, depth=chosen.depth, rounds=chosen.rounds, seed=seed)
    outliers = calibrate(birds, plan, seed=seed)
    lesson = with_masked_copies(birds.matrix, birds.species, seed=seed).matrix
    whole, hidden = _unseen(birds, plan, chosen, seed=seed)
    report = TrainingReport(
        birds={name: int((birds.species == code).sum()) for code, name in enumerate(SPECIES)},
        left_out=birds.left_out,
        folds=plan.folds,
        repeats=plan.repeats,
        candidates=tuple(best(judged) for judged in by_depth),
        chosen=chosen,
        cross_validated=whole,
        training=score(birds.species, booster.inplace_predict(birds.matrix)[None]),
        hidden=hidden,
        false_alarms=outliers.false_alarms,
    )
    card = ModelCard(
        features=FEATURES,
        categories=CATEGORIES,
        labels=SPECIES,
        data_sha256=birds.digest,
        seed=seed,
        xgboost_version=xgboost.__version__,
        parameters={**PARAMETERS, "max_depth": chosen.depth},
        rounds=chosen.rounds,
        report=report,
        golden=golden(booster, lesson, outliers.rule),
        distribution=distribution(birds.matrix),
        outliers=outliers.rule,
    )
    booster.set_attr(**{CARD_ATTRIBUTE: card.model_dump_json()})
    return Trained(artifact=seal(bytes(booster.save_raw("ubj"))), card=card)


def _judge(birds: TrainingData, plan: ValidationPlan, *, depth: int, seed: int) -> list[Candidate]:
    answers = by_round(birds, plan, depth=depth, seed=seed)
    return candidates(birds.species, answers, depth=depth, patience=plan.patience)


def _unseen(
    birds: TrainingData, plan: ValidationPlan, chosen: Candidate, *, seed: int
) -> tuple[Scores, dict[str, float]]:
    """Score the chosen size on held-out birds: whole, and the accuracy with features hidden."""
    groups = ((), *(tuple(FEATURES.index(name) for name in names) for names in HIDDEN))
    whole, *gappy = without(birds, plan, size=chosen, hidden=groups, seed=seed)
    return score(birds.species, whole), {
        ", ".join(names): accuracy(birds.species, answers)
        for names, answers in zip(HIDDEN, gappy, strict=True)
    }
