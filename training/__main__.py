"""`python -m rookery.training`: train a model from a CSV file of known readings and print its report."""

from __future__ import annotations

from rookery.schemas.output.interrupts import end_by_signal

end_by_signal()

from pathlib import Path  # noqa: TC003  typer reads the annotations when it runs
from typing import Annotated

import typer
from rich.console import Console

from rookery.schemas.contract.contract import InvalidContractError
from rookery.schemas.contract.default import default_contract
from rookery.schemas.contract.source import ContractUnreachableError, contract_of
from rookery.training.recipe import SEED, Size, train
from rookery.training.report import render
from rookery.training.tables.data import training_data
from rookery.training.tables.source_table import TrainingDataError, read_csv

UNUSABLE = 2
"""Exit code where the data cannot be trained on."""

UNWRITTEN = 1
"""Exit code where the artifact cannot be written."""

DEPTH = "Take trees of this depth, with --rounds, instead of the smallest model that loses nothing."
ROUNDS = "Take so many rounds, of one tree for each label; with --depth."
CONTRACT = "JSON file of the contract; that of the shipped data where not given."

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog="Example: python -m rookery.training --data known.csv --out model.ubj --seed 7")
def main(  # noqa: PLR0913  each option is a parameter
    *,
    data: Annotated[Path, typer.Option(help="CSV file with the labels and features of known readings.")],
    out: Annotated[Path, typer.Option(help="Where the model artifact goes.")],
    seed: Annotated[int, typer.Option(min=0, help="The same data and seed yield the same bytes.")] = SEED,
    contract: Annotated[Path | None, typer.Option(help=CONTRACT)] = None,
    depth: Annotated[int | None, typer.Option(min=1, max=12, help=DEPTH)] = None,
    rounds: Annotated[int | None, typer.Option(min=1, max=1_000, help=ROUNDS)] = None,
) -> None:
    """Train a model from known readings, and print how well it does."""
    size = _size(depth, rounds)
    try:
        # An impossible place shows before the work, not after it.
        out.parent.mkdir(parents=True, exist_ok=True)
        rules = contract_of(contract) if contract else default_contract()
        trained = train(training_data(read_csv(data), rules), seed=seed, size=size)
        trained.write(out)
    except (TrainingDataError, InvalidContractError, ContractUnreachableError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNUSABLE) from None
    except OSError as error:
        typer.echo(f"{out} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(UNWRITTEN) from None
    console = Console()
    console.print(render(trained.report))
    console.print(f"{out}: {len(trained.artifact)} bytes")


def _size(depth: int | None, rounds: int | None) -> Size | None:
    if (depth is None) != (rounds is None):
        raise typer.BadParameter("--depth and --rounds are given together, or neither")
    return None if depth is None or rounds is None else Size(depth, rounds)


if __name__ == "__main__":
    app(prog_name="python -m rookery.training")
