"""`rookery contract`: infer a contract from a table, show it, and check a table against it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rookery.contracts.schemas import app as schemas
from rookery.errors import EXIT_FAILED, UserError

if TYPE_CHECKING:
    from rookery.schemas.contract.contract import Contract

app: Final = typer.Typer(
    help="Infer a contract from a table, show it, check a table against it, and write the schemas that follow from it.\n\n"
    "Example: rookery contract infer iris.csv --label kind --out iris.json",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.add_typer(schemas)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A table of .csv, .xlsx or .parquet.")]
Source = Annotated[
    str,
    typer.Argument(
        metavar="[CONTRACT|MODEL]",
        help="A contract's JSON or a model, as a path or gs://bucket/object; the shipped one where not given.",
    ),
]


@app.command()
def infer(
    file: File,
    *,
    label: Annotated[str, typer.Option(metavar="COLUMN", help="The column of the labels.")],
    out: Annotated[
        Path | None, typer.Option(help="File of the contract; standard output where not given.")
    ] = None,
) -> None:
    """Write the contract of a table of known readings: kinds, categories, bounds, and the columns that are no features.

    Example: rookery contract infer iris.csv --label kind --out iris.json
    """
    from rookery.contracts.description import as_json, show_contract  # noqa: PLC0415  lazy: numpy takes a while
    from rookery.contracts.errors import explained  # noqa: PLC0415  lazy, see above
    from rookery.contracts.inference import infer as infer_contract  # noqa: PLC0415  lazy, see above
    from rookery.contracts.table_file import read_table  # noqa: PLC0415  lazy, see above

    with explained():
        found = infer_contract(read_table(file), label, name=file.stem)
    if out is None:
        typer.echo(as_json(found.contract), nl=False)
        for note in found.notes:
            typer.echo(note, err=True)
        return
    try:
        out.write_text(as_json(found.contract), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}.") from None
    show_contract(found.contract, [*found.notes, f"written to {out}"])


@app.command()
def show(source: Source = "") -> None:
    """Print a contract: features, labels, and what is refused.

    Example: rookery contract show iris.ubj
    """
    from rookery.contracts.description import show_contract  # noqa: PLC0415  lazy, see above

    show_contract(contract_at(source))


@app.command()
def check(
    file: File,
    *,
    contract: Annotated[str, typer.Option(metavar="CONTRACT|MODEL", help="As in `show`.")] = "",
) -> None:
    """Count the rows of a table that would be refused, and say why.

    Exit code 0: none. 1: at least one. 2: the table or the contract cannot be read.

    Example: rookery contract check june.csv --contract iris.json
    """
    from rookery.contracts.check import check as check_table  # noqa: PLC0415  lazy, see above
    from rookery.contracts.errors import explained  # noqa: PLC0415  lazy, see above
    from rookery.contracts.table_file import read_table  # noqa: PLC0415  lazy, see above

    with explained():
        found = check_table(read_table(file), contract_at(contract))
    typer.echo(f"{file}: {found.refused} of {found.rows} rows would be refused")
    for rule, count, line in found.reasons:
        typer.echo(f"  {count} rows, the first in line {line}: {rule}")
    for note in found.notes:
        typer.echo(f"  {note}")
    if found.refused:
        raise typer.Exit(EXIT_FAILED)


def contract_at(source: str) -> Contract:
    """The contract at an address, the shipped one where there is none; raises UserError."""
    from rookery.contracts.errors import explained  # noqa: PLC0415  lazy, see above
    from rookery.schemas.contract.default import default_contract  # noqa: PLC0415  lazy, see above
    from rookery.schemas.contract.source import contract_of  # noqa: PLC0415  lazy, see above

    with explained():
        return contract_of(source) if source else default_contract()
