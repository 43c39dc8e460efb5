"""Generated models: classifiers of any size on generated data, adopted as users' own models are, and kept in the build folder."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.progress import say
from benchmarks.servers.environment import EnvironmentMissingError
from rookery.load.report.provenance import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = ROOT / "build" / "bench" / "models"
_ROWS: Final = 20_000
_SAMPLE_ROWS: Final = 2_000
_INFORMATIVE: Final = 5
"""Features that the labels depend on."""

_ADOPTED_WITHIN_S: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSize:
    """The size of a model of two labels and one output: one tree a round."""

    trees: int
    depth: int
    features: int

    def __str__(self) -> str:
        return f"{self.trees} trees of depth {self.depth}, {self.features} features"


LARGE: Final = ModelSize(trees=500, depth=6, features=30)
"""As large as users bring."""


def generated_model(size: ModelSize) -> Path:
    """Give the artifact of a size, made when it is first asked for; raises EnvironmentMissingError."""
    out = FOLDER / f"trees-{size.trees}-depth-{size.depth}-features-{size.features}.ubj"
    if out.exists():
        return out
    say(f"making a model of {size} (once)")
    FOLDER.mkdir(parents=True, exist_ok=True)
    booster, sample = out.with_suffix(".booster.ubj"), out.with_suffix(".csv")
    _train(size, booster, sample)
    part = out.with_suffix(".part")
    command = [sys.executable, "-m", "rookery", "model", "adopt", str(booster)]
    command += ["--sample", str(sample), "--label", "label", "--out", str(part)]
    try:
        subprocess.run(  # noqa: S603  the project's own command
            command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=_ADOPTED_WITHIN_S
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentMissingError(f"a model of {size} was not adopted in time") from None
    except subprocess.CalledProcessError as error:
        said = ((error.stderr or error.stdout).strip().splitlines() or ["it said nothing"])[-1]
        raise EnvironmentMissingError(f"a model of {size} could not be adopted: {said}") from None
    part.replace(out)
    return out


def _train(size: ModelSize, booster: Path, sample: Path) -> None:
    import xgboost  # noqa: PLC0415  a second of import that only a run needs

    drawing = np.random.default_rng(1)
    rows = drawing.normal(size=(_ROWS, size.features)).astype(np.float32).round(3)
    noise = drawing.normal(size=_ROWS)
    labels = (rows[:, :_INFORMATIVE].sum(axis=1) + noise > 0).astype(int)
    names = [f"f{nth}" for nth in range(size.features)]
    parameters = {
        "objective": "binary:logistic",
        "max_depth": size.depth,
        "min_child_weight": 0.1,
        "nthread": 1,
    }
    trained = xgboost.train(parameters, xgboost.DMatrix(rows, label=labels, feature_names=names), size.trees)
    trained.save_model(booster)
    with sample.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "label"])
        for row, label in zip(rows[:_SAMPLE_ROWS].tolist(), labels[:_SAMPLE_ROWS].tolist(), strict=True):
            writer.writerow([*(f"{value:.3f}" for value in row), ("low", "high")[label]])
