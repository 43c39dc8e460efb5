"""`rookery model`: adopt, show, validate, push and roll back a model."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads the annotations when it runs
from typing import Annotated, Final

import typer

app: Final = typer.Typer(
    help="Adopt, show, verify, push or roll back a model, in a file or in Cloud Storage.\n\n"
    "Example: rookery model push iris.ubj gs://my-bucket/models/iris.ubj\n\n"
    "Exit code 0: done, and the model is good. 1: the model is refused. 2: not done.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Address = Annotated[
    str,
    typer.Argument(
        metavar="URI",
        envvar="ROOKERY_MODEL",
        help="A path or gs://bucket/object[#generation].",
        show_default=False,
    ),
]


@app.command()
def show(uri: Address = "") -> None:
    """Print a model's card: its training data, cross-validated accuracy, and the former models of its address.

    Example: rookery model show gs://my-bucket/models/iris.ubj
    """
    from rookery.registry.description import show as show_model  # noqa: PLC0415  lazy: xgboost takes half a second

    show_model(uri)


@app.command()
def verify(uri: Address = "") -> None:
    """Validate a model as a worker would: size, checksum, contract, golden readings to the last bit.

    Example: rookery model verify iris.ubj
    """
    from rookery.registry.description import verify as verify_model  # noqa: PLC0415  lazy, see above

    verify_model(uri)


@app.command()
def adopt(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="An XGBoost classifier, as `save_model` wrote it (.ubj or .json)."
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(help="Where the model goes that a worker serves.")],
    sample: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Readings of .csv, .xlsx or .parquet: for bounds, labels, drift and outliers.",
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The sample's column of labels.")
    ] = None,
    contract: Annotated[
        str | None,
        typer.Option(metavar="CONTRACT|MODEL", help="The contract, where it shall not be inferred."),
    ] = None,
) -> None:
    """Make a served model of an XGBoost classifier that exists already, with no code, and prove its answers.

    Exit code 1: the model cannot be served; the reason and what is needed are printed.

    Example: rookery model adopt classifier.ubj --sample known.csv --label kind --out iris.ubj
    """
    from rookery.registry.adoption.run import AdoptOptions, run  # noqa: PLC0415  lazy, see above

    run(AdoptOptions(model, out=out, sample=sample, label=label, contract=contract))


@app.command()
def push(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The model to push.")],
    uri: Annotated[str, typer.Argument(metavar="URI", help="Its address: a path or gs://bucket/object.")],
) -> None:
    """Make a model the live one, keeping the former. Workers hot-reload it without a restart.

    Example: rookery model push iris.ubj gs://my-bucket/models/iris.ubj
    """
    from rookery.registry.choose import registry_of  # noqa: PLC0415  lazy, see above
    from rookery.registry.description import explained  # noqa: PLC0415  lazy, see above
    from rookery.registry.promotion import push as promote  # noqa: PLC0415  lazy, see above

    with explained():
        change = promote(registry_of(uri), file.read_bytes())
    typer.echo(f"{uri}: {change.before or 'nothing'} -> {change.now}")


@app.command()
def rollback(
    uri: Annotated[str, typer.Argument(metavar="URI", help="A path or gs://bucket/object.")],
) -> None:
    """Make the former model the live one again; the replaced one is kept aside.

    Example: rookery model rollback gs://my-bucket/models/iris.ubj
    """
    from rookery.registry.choose import registry_of  # noqa: PLC0415  lazy, see above
    from rookery.registry.description import explained  # noqa: PLC0415  lazy, see above
    from rookery.registry.promotion import rollback as go_back  # noqa: PLC0415  lazy, see above

    with explained():
        change = go_back(registry_of(uri))
    typer.echo(f"{uri}: {change.before or 'nothing'} -> {change.now}")
