"""Training of any table: infer its contract or take the user's, show it, train, write the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from rookery.contracts.description import show_contract
from rookery.contracts.errors import explained
from rookery.contracts.inference import InferredContract, infer
from rookery.contracts.table_file import read_table
from rookery.errors import UserError
from rookery.installed import require
from rookery.schemas.contract.source import contract_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class TableTraining:
    """A table, its label column, a contract instead of the inferred one, where the model goes, and its size if chosen: depth and rounds."""

    file: Path
    label: str | None
    contract: str | None
    out: Path
    seed: int
    size: tuple[int, int] | None = None


def train_table(task: TableTraining) -> None:
    """Train on a table and print the contract and the report; raises UserError."""
    require("training", "worker")
    from rookery.training.recipe import Size, train  # noqa: PLC0415  after the check of what it needs
    from rookery.training.report import render  # noqa: PLC0415  likewise
    from rookery.training.tables.data import training_data  # noqa: PLC0415  likewise

    if task.label is None and task.contract is None:
        raise UserError("The column of the labels is needed.", hint="Say --label COLUMN.")
    with explained():
        table = read_table(task.file)
        if task.contract is not None:
            inferred = InferredContract(contract_of(task.contract), notes=())
        else:
            inferred = infer(table, str(task.label), name=task.file.stem)
        contract = inferred.contract
        show_contract(contract, inferred.notes)
        data = training_data(table, contract, label=task.label)
        trained = train(data, seed=task.seed, size=Size(*task.size) if task.size else None)
    try:
        task.out.parent.mkdir(parents=True, exist_ok=True)
        trained.write(task.out)
    except OSError as error:
        raise UserError(f"{task.out} cannot be written: {error.strerror}.") from None
    console = Console()
    console.print(render(trained.report))
    console.print(
        f"{task.out}: {len(trained.artifact)} bytes, answers by {trained.card.parameters['objective']}",
        markup=False,
    )
