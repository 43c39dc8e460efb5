"""`python -m rookery.training`: train a model from a CSV file of known penguins and print its report."""

from __future__ import annotations

from rookery.schemas.output.interrupts import end_by_signal

end_by_signal()

from pathlib import Path  # noqa: TC003  typer reads the annotations when it runs
from typing import Annotated

import typer
from rich.console import Console

from rookery.training.penguins import TrainingDataError
from rookery.training.recipe import SEED, Size, train
from rookery.training.report import render

UNUSABLE = 2
"""Exit code where the data cannot be trained on."""

UNWRITTEN = 1
"""Exit code where the artifact cannot be written."""

DEPTH = "Take trees of this depth, with --rounds, instead of the smallest model that loses nothing."
ROUNDS = "Take so many rounds, of one tree for each species; with --depth."

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(
    epilog="Example: python -m rookery.training --data data/penguins.csv --out penguins.ubj --seed 7"
)
def main(
    data: Annotated[Path, typer.Option(help="CSV file with the species and features of known penguins.")],
    out: Annotated[Path, typer.Option(help="Where the model artifact goes.")],
    seed: Annotated[int, typer.Option(min=0, help="The same data and seed yield the same bytes.")] = SEED,
    depth: Annotated[int | None, typer.Option(min=1, max=12, help=DEPTH)] = None,
    rounds: Annotated[int | None, typer.Option(min=1, max=1_000, help=ROUNDS)] = None,
) -> None:
    """Train a model from known penguins, and print how well it does."""
    size = _size(depth, rounds)
    try:
        # An impossible place shows before the work, not after it.
        out.parent.mkdir(parents=True, exist_ok=True)
        trained = train(data, seed=seed, size=size)
        trained.write(out)
    except TrainingDataError as error:
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
