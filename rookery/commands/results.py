"""`rookery results`: count, export and compact predictions."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  the same
from typing import Annotated, Final

import typer

from rookery.commands.options import (  # noqa: TC001  typer reads the annotations
    Device,
    IdPrefix,
    LabelFiles,
    PredictedLabel,
    Since,
    Until,
)
from rookery.publisher.commands.options import ContractSource  # noqa: TC001  typer reads the annotations
from rookery.publisher.commands.renamed_options import RenamedOptions

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
    labels: LabelFiles = None,
    id_prefix: IdPrefix = "",
    contract: ContractSource = None,
) -> None:
    """Count predictions by day, label, device and model without duplicates; with --labels, print the accuracy.

    Example: rookery results summary results/predictions --labels readings.csv
    """
    from rookery.publisher.commands.feature_options import explained_contract  # noqa: PLC0415  lazy, so that help is quick
    from rookery.results.query import PredictionQuery, SelectedPredictions, labels_of  # noqa: PLC0415  lazy, so that help is quick
    from rookery.results.summary import PredictionSummary  # noqa: PLC0415  the same

    counts = PredictionSummary(
        labels_of(labels or [], id_prefix=id_prefix, contract=explained_contract(contract))
    )
    query = PredictionQuery(
        since=since,
        until=until,
        label=predicted,
        device=device,
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
    since: Since = None,
    until: Until = None,
    predicted: PredictedLabel = None,
    device: Device = None,
    labels: LabelFiles = None,
    id_prefix: IdPrefix = "",
    contract: ContractSource = None,
) -> None:
    """Write predictions to one file, without duplicates.

    Example: rookery results export gs://my-bucket/predictions --out predictions.parquet --since 2026-11-01
    """
    from rookery.publisher.commands.feature_options import explained_contract  # noqa: PLC0415  lazy, so that help is quick
    from rookery.results.export import export as write  # noqa: PLC0415  the same
    from rookery.results.query import PredictionQuery, SelectedPredictions, labels_of  # noqa: PLC0415  lazy, so that help is quick

    query = PredictionQuery(
        since=since,
        until=until,
        label=predicted,
        device=device,
    )
    count = write(
        SelectedPredictions(uri, query),
        out,
        labels=labels_of(labels or [], id_prefix=id_prefix, contract=explained_contract(contract)),
    )
    typer.echo(f"{count} readings in {out}")


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
