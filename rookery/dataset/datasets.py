"""Dataset: labelled readings, their contract and the model that answers them: the shipped one, or one trained in the run."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.data import DATASETS, SHIPPED
from rookery.dataset.readings import known_readings
from rookery.errors import UserError
from rookery.installed import require
from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.contract.source import contract_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rookery.dataset.readings import KnownReading

LOADERS: Final = {"iris": "load_iris", "wine": "load_wine", "breast-cancer": "load_breast_cancer"}
"""Data sets that scikit-learn holds, by the function that loads each; nothing is fetched."""

_LABEL: Final = "label"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled readings and their contract; `model` is the file of the model, None for the one that a worker takes by itself."""

    name: str
    readings: Sequence[KnownReading]
    contract: CompiledContract
    model: Path | None


def dataset(name: str, folder: Path) -> Dataset:
    """Read a data set, and train its model into a folder where it is not the shipped one; raises UserError."""
    if name == SHIPPED:
        return Dataset(name, known_readings(), default_compiled(), None)
    if name not in LOADERS:
        raise UserError(f"--dataset {name}: one of {', '.join(DATASETS)} is needed.")
    table, model = folder / f"{name}.csv", folder / f"{name}.ubj"
    _write(name, table)
    _train(table, model)
    contract = CompiledContract(contract_of(model))
    return Dataset(name, known_readings(table, contract), contract, model)


def _write(name: str, path: Path) -> None:
    """Write scikit-learn's own copy as a CSV file with a column of labels."""
    require("training")
    from sklearn import datasets  # noqa: PLC0415  an extra, and two seconds

    found = getattr(datasets, LOADERS[name])()
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([*found.feature_names, _LABEL])
        for values, code in zip(found.data.tolist(), found.target.tolist(), strict=True):
            rows.writerow([*values, found.target_names[code]])


def _train(table: Path, model: Path) -> None:
    """Train as `rookery train` does, in a process of its own: the demo's stays small."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "rookery",
        "train",
        str(table),
        "--label",
        _LABEL,
        "--out",
        str(model),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  this program
    if done.returncode:
        raise UserError(f"The model of {table} cannot be trained.", hint=done.stderr.strip()[-2_000:])
