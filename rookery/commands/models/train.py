"""`rookery train`: a model of any table, or of the data that come with Rookery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rookery.data import SHIPPED
from rookery.errors import UserError
from rookery.own_program import become


def train(  # noqa: PLR0913  each option is a parameter
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A table of .csv, .xlsx or .parquet; the shipped data where not given.",
            show_default=False,
        ),
    ] = None,
    *,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="The column of the labels; with --contract its target where not given."
        ),
    ] = None,
    contract: Annotated[
        str | None,
        typer.Option(
            metavar="CONTRACT|MODEL",
            help="A contract's JSON or a model with it; inferred from FILE and shown where not given.",
        ),
    ] = None,
    data: Annotated[
        Path, typer.Option(help="CSV file with the training data, of the shipped contract.")
    ] = Path(f"data/{SHIPPED}.csv"),
    out: Annotated[
        Path | None, typer.Option(help="File of the model; named like the data where not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and data give the same bytes.")] = 7,
    depth: Annotated[
        int | None,
        typer.Option(
            min=1, max=12, help="Depth of the trees, with --rounds; cross-validation chooses where not given."
        ),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, max=1_000, help="Number of boosting rounds, with --depth; likewise.")
    ] = None,
) -> None:
    """Train a model on a table of known readings and print its cross-validated scores.

    It answers with a probability for each label (objective multi:softprob), two labels included.

    Example: rookery train iris.csv --label kind --out iris.ubj
    """
    if file is None:
        if label or contract:
            raise UserError("A FILE is needed beside --label or --contract.")
        _train_shipped(data, out, seed=seed, depth=depth, rounds=rounds)
        return
    if (depth is None) != (rounds is None):
        raise UserError("--depth and --rounds are given together, or neither.")
    from rookery.contracts.training import TableTraining, train_table  # noqa: PLC0415  lazy: it imports xgboost

    size = None if depth is None or rounds is None else (depth, rounds)
    target = out or Path(f"{file.stem}.ubj")
    train_table(TableTraining(file, label=label, contract=contract, out=target, seed=seed, size=size))


def _train_shipped(data: Path, out: Path | None, *, seed: int, depth: int | None, rounds: int | None) -> None:
    arguments = ["--data", str(data), "--out", str(out or f"{SHIPPED}.ubj"), "--seed", str(seed)]
    for option, given in (("--depth", depth), ("--rounds", rounds)):
        arguments += [] if given is None else [option, str(given)]
    become("rookery.training", arguments, needs=("training", "worker"))
