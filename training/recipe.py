"""Training step by step: cross-validate, choose, fit, describe, seal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import xgboost

from rookery.schemas.artifact import CARD_ATTRIBUTE, ModelCard, TrainingReport, seal
from rookery.schemas.atomic_file import write_atomically
from rookery.training.distribution import distribution
from rookery.training.golden import golden
from rookery.training.masking import with_masked_copies
from rookery.training.outliers.calibration import calibrate
from rookery.training.scores import accuracy, score
from rookery.training.selection import best, candidates, choose
from rookery.training.trees import fit, most_used, parameters
from rookery.training.validation import ValidationPlan, by_round, without

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rookery.schemas.artifact import Candidate, Scores
    from rookery.schemas.contract.contract import Contract
    from rookery.training.tables.data import TrainingData

SEED: Final = 7

MOST_HIDDEN: Final = 8
"""Measurements whose absence the report measures, those that the model uses most."""


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
    data: TrainingData, *, seed: int = SEED, plan: ValidationPlan | None = None, size: Size | None = None
) -> Trained:
    """Train on known readings; the same ones, seed and size yield the same bytes.

    Without a size, the smallest model is chosen whose log loss is within one standard error of the best.
    """
    plan = plan or ValidationPlan.of(data)
    if size is not None:
        plan = replace(plan, depths=(size.depth,), rounds=size.rounds, patience=size.rounds)
    by_depth = [_cross_validated(data, plan, depth=depth, seed=seed) for depth in plan.depths]
    if size is None:
        every = [candidate for scored in by_depth for candidate in scored]
        chosen = choose(every, readings=len(data))
    else:
        chosen = by_depth[0][-1]
    booster = fit(data, depth=chosen.depth, rounds=chosen.rounds, seed=seed)
    outliers = calibrate(data, plan, most_used=most_used(booster), seed=seed)
    rule = None if outliers is None else outliers.rule
    whole, hidden = _held_out_scores(
        data, plan, chosen, _hidden(data.contract, most_used(booster)), seed=seed
    )
    counts = np.bincount(data.labels, minlength=len(data.contract.labels)).tolist()
    report = TrainingReport(
        label_counts=dict(zip(data.contract.labels, counts, strict=True)),
        left_out=data.left_out,
        folds=plan.folds,
        repeats=plan.repeats,
        candidates=tuple(best(scored) for scored in by_depth),
        chosen=chosen,
        cross_validated=whole,
        training=score(data.labels, booster.inplace_predict(data.matrix)[None], data.contract.labels),
        hidden=hidden,
        false_alarms=0.0 if outliers is None else outliers.false_alarms,
    )
    card = ModelCard(
        contract=data.contract,
        data_sha256=data.digest,
        seed=seed,
        xgboost_version=xgboost.__version__,
        parameters={**parameters(data.contract), "max_depth": chosen.depth},
        rounds=chosen.rounds,
        report=report,
        golden=golden(booster, with_masked_copies(data, seed=seed).matrix, rule, data.contract),
        distribution=distribution(data.matrix, data.contract.names),
        outliers=rule,
    )
    booster.set_attr(**{CARD_ATTRIBUTE: card.model_dump_json()})
    return Trained(artifact=seal(bytes(booster.save_raw("ubj"))), card=card)


def _cross_validated(data: TrainingData, plan: ValidationPlan, *, depth: int, seed: int) -> list[Candidate]:
    answers = by_round(data, plan, depth=depth, seed=seed)
    return candidates(data.labels, answers, depth=depth, patience=plan.patience)


def _hidden(contract: Contract, used: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of features whose absence the report measures.

    All that are not measured together, each measurement, and everything but the two of the contract's chart.
    """
    measurements = [each.name for each in contract.measurements]
    first = [*used, *contract.names]
    singles = sorted(measurements, key=first.index)[:MOST_HIDDEN]
    groups = [
        tuple(name for name in contract.names if name not in measurements),
        *((name,) for name in measurements if name in singles),
    ]
    if contract.chart is not None:
        drawn = {contract.chart.x, contract.chart.y}
        groups.append(tuple(name for name in contract.names if name not in drawn))
    return [group for group in dict.fromkeys(groups) if 0 < len(group) < len(contract.names)]


def _held_out_scores(
    data: TrainingData,
    plan: ValidationPlan,
    chosen: Candidate,
    groups: Sequence[tuple[str, ...]],
    *,
    seed: int,
) -> tuple[Scores, dict[str, float]]:
    """Score the chosen size on held-out readings: whole, and the accuracy with features hidden."""
    columns = [(), *(tuple(map(data.contract.names.index, names)) for names in groups)]
    whole, *gappy = without(data, plan, size=chosen, hidden=columns, seed=seed)
    return score(data.labels, whole, data.contract.labels), {
        ", ".join(names): accuracy(data.labels, answers) for names, answers in zip(groups, gappy, strict=True)
    }
