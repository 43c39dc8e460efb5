"""`rookery results`: count, export and compact predictions."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  the same
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rookery.commands.options import (  # noqa: TC001  typer reads the annotations
    Device,
    IdPrefix,
    LabelFiles,
    PredictedLabel,
    Since,
    SourceFile,
    Until,
)
from rookery.errors import EXIT_FAILED
from rookery.publisher.commands.options import ContractSource  # noqa: TC001  typer reads the annotations
from rookery.publisher.commands.renamed_options import RenamedOptions

if TYPE_CHECKING:
    from rookery.results.query import SelectedPredictions
    from rookery.schemas.contract.compiled import CompiledContract

app: Final = typer.Typer(
    help="Count, export or compact predictions, in a folder or a bucket.\n\n"
    "Example: rookery results summary results/predictions",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Uri = Annotated[
    str, typer.Argument(metavar="URI", help="Folder, file:///dir or gs://bucket/prefix of predictions.")
]


@app.command(cls=RenamedOptions)
def summary(  # noqa: PLR0913  each option is a parameter
    uri: Uri,
    *,
    since: Since = None,
    until: Until = None,
    predicted: PredictedLabel = None,
    device: Device = None,
    file: SourceFile = None,
    labels: LabelFiles = None,
    id_prefix: IdPrefix = "",
    contract: ContractSource = None,
) -> None:
    """Count predictions by day, label, device and model without duplicates; with --labels, print the accuracy.

    Example: rookery results summary results/predictions --labels readings.csv
    """
    from rookery.publisher.commands.feature_options import explained_contract  # noqa: PLC0415  lazy, so that help is quick
    from rookery.results.query import PredictionQuery, SelectedPredictions, ids_of, labels_of  # noqa: PLC0415  lazy, so that help is quick
    from rookery.results.summary import PredictionSummary  # noqa: PLC0415  the same

    by = explained_contract(contract)
    counts = PredictionSummary(labels_of(labels or [], id_prefix=id_prefix, contract=by))
    query = PredictionQuery(
        since=since,
        until=until,
        label=predicted,
        device=device,
        ids=ids_of(file, id_prefix=id_prefix, contract=by),
    )
    selected = SelectedPredictions(uri, query)
    counts.enter(selected)
    counts.render(duplicates=selected.duplicates)
    if counts.scored:
        from rookery.results.training_data import training_remark  # noqa: PLC0415  the same

        if remark := training_remark(labels or [], counts.models):
            typer.echo(remark)


@app.command(cls=RenamedOptions)
def export(  # noqa: PLR0913  each option is a parameter
    uri: Uri,
    *,
    out: Annotated[Path, typer.Option(help="File to write: .csv, .xlsx or .parquet.")],
    join: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A published file whose rows come back with their predictions."),
    ] = None,
    since: Since = None,
    until: Until = None,
    predicted: PredictedLabel = None,
    device: Device = None,
    file: SourceFile = None,
    labels: LabelFiles = None,
    id_prefix: IdPrefix = "",
    contract: ContractSource = None,
) -> None:
    """Write predictions to one file, without duplicates; with --join the rows of a published file, the predictions behind them.

    Joined are all rows in their order with all their columns, then the answer, probability, out_of_distribution, and the reason where a
    row has no prediction. Exit code 1: no row of it has one.

    Example: rookery results export gs://my-bucket/predictions --out predictions.parquet --since 2026-11-01
    """
    from rookery.publisher.commands.feature_options import explained_contract  # noqa: PLC0415  lazy, so that help is quick
    from rookery.results.export import export as write  # noqa: PLC0415  the same
    from rookery.results.query import PredictionQuery, SelectedPredictions, ids_of, labels_of  # noqa: PLC0415  lazy, so that help is quick

    by = explained_contract(contract)
    query = PredictionQuery(
        since=since,
        until=until,
        label=predicted,
        device=device,
        ids=ids_of(file, id_prefix=id_prefix, contract=by),
    )
    selected = SelectedPredictions(uri, query)
    if join is not None:
        _export_joined(selected, join, out, id_prefix=id_prefix, contract=by)
        return
    known = labels_of(labels or [], id_prefix=id_prefix, contract=by)
    typer.echo(f"{write(selected, out, labels=known)} readings in {out}")


def _export_joined(
    selected: SelectedPredictions, file: Path, out: Path, *, id_prefix: str, contract: CompiledContract | None
) -> None:
    from rookery.results.export_join import export_joined  # noqa: PLC0415  pandas' friends, lazy

    done = export_joined(selected, file, out, id_prefix=id_prefix, contract=contract)
    typer.echo(
        f"{done.rows} rows in {out}: {done.predicted} with a prediction, {done.rows - done.predicted} with a reason; "
        f"added columns: {', '.join(done.added)}"
    )
    if done.rows and not done.predicted:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def compact(
    uri: Annotated[
        str,
        typer.Argument(
            metavar="URI", help="Folder, file:///dir or gs://bucket/prefix of predictions or rejections."
        ),
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be merged; change nothing.")
    ] = False,
) -> None:
    """Merge the small files of every hour that is over for a quarter of an hour; run one at a time.

    Example: rookery results compact results/predictions
    """
    from rookery.results import compaction  # noqa: PLC0415  lazy, so that help is quick
    from rookery.results.location import BUCKET, explained, folder_of, storage  # noqa: PLC0415  the same

    target = (
        compaction.BucketTarget(uri, storage())
        if uri.startswith(BUCKET)
        else compaction.FolderTarget(folder_of(uri))
    )
    with explained(uri):
        done = compaction.compact(target, dry_run=dry_run)
    typer.echo(f"{done.before} files {'would become' if dry_run else 'became'} {done.after}")
