"""`rookery simulate`: readings of simulated devices, at a rate."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from rookery.commands.options import Broker, Project, Topic  # noqa: TC001  typer reads the annotations
from rookery.errors import UserError
from rookery.publisher.topics import LOCAL_TOPIC

if TYPE_CHECKING:
    from rookery.schemas.artifact import ModelCard


def simulate(  # noqa: PLR0913  each option is a parameter
    *,
    devices: Annotated[int, typer.Option(min=1, help="How many devices.")] = 10,
    rate: Annotated[float, typer.Option(min=0.001, help="Readings a second, over all devices.")] = 10.0,
    count: Annotated[
        int | None, typer.Option(min=1, help="How many readings; for ever where not given.")
    ] = None,
    outliers: Annotated[
        float, typer.Option(min=0, max=1, help="Share of readings that are out of distribution.")
    ] = 0.0,
    missing_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of readings that lack a feature.")
    ] = 0.0,
    drift: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MEASUREMENT=PERCENT", help="How much a measurement drifts an hour, in percent."
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The model whose training data is simulated."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same readings.")] = 1,
    topic: Topic = LOCAL_TOPIC,
    project: Project = None,
    broker: Broker = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write the readings to standard output; publish nothing.")
    ] = False,
) -> None:
    """Publish the readings of a simulated field season, drawn from the training distribution, until Ctrl-C.

    Example: rookery simulate --devices 50 --rate 200 --outliers 0.01 --drift body_mass_g=5
    """
    from rookery.dataset.season import Colony, Season, drifts, season  # noqa: PLC0415  the same
    from rookery.publisher.commands.interruption import interruptible  # noqa: PLC0415  lazy, so that help is quick
    from rookery.publisher.commands.terminal import Destination, Terminal  # noqa: PLC0415  the same
    from rookery.schemas.codec import encode  # noqa: PLC0415  the same

    colony = Colony(_card(model), seed)
    plan = Season(
        devices=devices,
        rate=rate,
        count=count,
        seed=seed,
        outliers=outliers,
        missing_rate=missing_rate,
        drift=drifts(drift or [], colony.measured),
    )
    readings = season(plan, colony)
    if not dry_run:
        raise typer.Exit(Terminal().send(Destination(topic=topic, project=project, broker=broker), readings))
    with interruptible() as interruption:
        for reading in interruption.until_asked(readings):
            typer.echo(encode(reading).decode())


def _card(model: Path | None) -> ModelCard:
    """The card of a model, of the shipped one where none is given; raises UserError."""
    from rookery.worker.models.loader import SHIPPED, ModelRefusedError, load  # noqa: PLC0415  lazy, see above

    try:
        return load(model or SHIPPED).card
    except ModelRefusedError as error:
        raise UserError(f"{error}.") from None
