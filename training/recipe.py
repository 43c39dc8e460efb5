"""Training step by step: read, cross-validate, choose, fit, describe, seal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import xgboost

from rookery.schemas.artifact import CARD_ATTRIBUTE, ModelCard, TrainingReport, seal
from rookery.schemas.atomic_file import write_atomically
from rookery.schemas.contract.default import default_contract
from rookery.schemas.features import FEATURES
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
"""Groups of features whose absence the report measures."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The bytes of the artifact, and the card that is inside."""

    artifact: bytes
    card: ModelCard

    @property
    def report(self) -> TrainingReport:
        """The data and the measurements of the training run."""
        if self.card.report is None:
            raise RuntimeError("a model that was trained here has a report")
        return self.card.report

    def write(self, path: Path) -> None:
        """Write the artifact so that a reader finds all of it or nothing new; raises OSError."""
        write_atomically(path, self.artifact, sync=False)


@dataclass(frozen=True, slots=True)
class Size:
    """A size of model that is given instead of chosen."""

    depth: int
    rounds: int


def train(
    data: Path, *, seed: int = SEED, plan: ValidationPlan | None = None, size: Size | None = None
) -> Trained:
    """Train on a CSV file of known penguins; the same file, seed and size yield the same bytes. Raises TrainingDataError.

    Without a size, the smallest model is chosen whose log loss is within one standard error of the best.
    """
    plan = plan or ValidationPlan()
    if size is not None:
        plan = replace(plan, depths=(size.depth,), rounds=size.rounds, patience=size.rounds)
    penguins = read(data)
    by_depth = [_cross_validated(penguins, plan, depth=depth, seed=seed) for depth in plan.depths]
    if size is None:
        chosen = choose(candidate for scored in by_depth for candidate in scored)
    else:
        chosen = by_depth[0][-1]
    booster = fit(penguins.matrix, penguins.species, depth=chosen.depth, rounds=chosen.rounds, seed=seed)
    outliers = calibrate(penguins, plan, seed=seed)
    training_set = with_masked_copies(penguins.matrix, penguins.species, seed=seed).matrix
    whole, hidden = _held_out_scores(penguins, plan, chosen, seed=seed)
    report = TrainingReport(
        label_counts={name: int((penguins.species == code).sum()) for code, name in enumerate(SPECIES)},
        left_out=penguins.left_out,
        folds=plan.folds,
        repeats=plan.repeats,
        candidates=tuple(best(scored) for scored in by_depth),
        chosen=chosen,
        cross_validated=whole,
        training=score(penguins.species, booster.inplace_predict(penguins.matrix)[None]),
        hidden=hidden,
        false_alarms=outliers.false_alarms,
    )
    card = ModelCard(
        contract=default_contract(),
        data_sha256=penguins.digest,
        seed=seed,
        xgboost_version=xgboost.__version__,
        parameters={**PARAMETERS, "max_depth": chosen.depth},
        rounds=chosen.rounds,
        report=report,
        golden=golden(booster, training_set, outliers.rule),
        distribution=distribution(penguins.matrix),
        outliers=outliers.rule,
    )
    booster.set_attr(**{CARD_ATTRIBUTE: card.model_dump_json()})
    return Trained(artifact=seal(bytes(booster.save_raw("ubj"))), card=card)


def _cross_validated(
    penguins: TrainingData, plan: ValidationPlan, *, depth: int, seed: int
) -> list[Candidate]:
    answers = by_round(penguins, plan, depth=depth, seed=seed)
    return candidates(penguins.species, answers, depth=depth, patience=plan.patience)


def _held_out_scores(
    penguins: TrainingData, plan: ValidationPlan, chosen: Candidate, *, seed: int
) -> tuple[Scores, dict[str, float]]:
    """Score the chosen size on held-out penguins: whole, and the accuracy with features hidden."""
    groups = ((), *(tuple(FEATURES.index(name) for name in names) for names in HIDDEN))
    whole, *gappy = without(penguins, plan, size=chosen, hidden=groups, seed=seed)
    return score(penguins.species, whole), {
        ", ".join(names): accuracy(penguins.species, answers)
        for names, answers in zip(HIDDEN, gappy, strict=True)
    }
