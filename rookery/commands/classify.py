"""`rookery classify`: a table of readings, and the same table with a prediction beside each row."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated

import typer

from rookery.errors import EXIT_FAILED, UserError


def classify(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Table to read: .csv, .tsv, .txt, .xlsx, .ods or .parquet.")
    ],
    *,
    out: Annotated[Path, typer.Option(help="Table to write: .csv, .xlsx or .parquet.")],
    model: Annotated[
        str | None,
        typer.Option(help="The model: a path or gs://bucket/object; the shipped one where not given."),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="Meaning of a column; COLUMN= leaves it out."),
    ] = None,
) -> None:
    """Classify a table without a broker: its rows in their order, all its columns, and the predictions behind them.

    Added: the answer under the contract's target, probability, out_of_distribution, and the reason where a row cannot be classified; with `predicted_`
    before a name that the table has already. Identities and times are copied, not checked.

    Exit code 0: at least one row was classified. 1: none was.

    Example: rookery classify readings.csv --out classified.xlsx
    """
    from rookery.frames.classification import classify_file  # noqa: PLC0415  lazy, so that help is quick
    from rookery.frames.errors import BadTableError  # noqa: PLC0415  the same
    from rookery.frames.libraries import library  # noqa: PLC0415  the same

    library("pandas")
    from rookery.publisher.commands.file import assigned  # noqa: PLC0415  the same
    from rookery.schemas.output.printable import printable  # noqa: PLC0415  the same
    from rookery.worker.models.loader import ModelRefusedError  # noqa: PLC0415  the same
    from rookery.worker.models.source import ModelAddressError, ModelUnreachableError  # noqa: PLC0415  the same

    try:
        done = classify_file(source, out, model=model, mapping=assigned(mapping or []))
    except (BadTableError, ModelAddressError, ModelRefusedError, ModelUnreachableError) as error:
        raise UserError(f"{error}.") from error
    except OSError as error:
        raise UserError(f"{error.filename or source}: {error.strerror or error}.") from error
    if done.left_out:
        typer.echo(f"{source.name}: the first sheet was read; {done.left_out} more were not", err=True)
    typer.echo(
        printable(
            f"{done.rows} rows in {out}: {done.rows - done.rejected} classified, {done.rejected} with a reason,"
            f" {done.outliers} out of distribution; added columns: {', '.join(done.added)}"
        )
    )
    if done.rows == done.rejected:
        raise typer.Exit(EXIT_FAILED)
