"""Options that several commands share, each defined once; those of publishing come from the publisher's own commands."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer

from rookery.publisher.commands.options import Broker, Project, Topic
from rookery.results.times import day

__all__ = [
    "Broker",
    "Device",
    "Host",
    "IdPrefix",
    "LabelFiles",
    "OpenPage",
    "OptionalHost",
    "OptionalPort",
    "Port",
    "PredictedLabel",
    "Project",
    "ReadyFile",
    "Since",
    "SourceFile",
    "Topic",
    "Until",
]

_HOST: Final = typer.Option(help="Address to listen on; 0.0.0.0 serves other machines too.")
_PORT: Final = typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes any free one.")

Host = Annotated[str, _HOST]
OptionalHost = Annotated[str | None, _HOST]
Port = Annotated[int, _PORT]
OptionalPort = Annotated[int | None, _PORT]
ReadyFile = Annotated[Path | None, typer.Option(help="File that gets the address once ready.")]
OpenPage = Annotated[bool, typer.Option("--open", help="Open the live page in the browser.")]

Since = Annotated[date | None, typer.Option(parser=day, metavar="2026-11-23", help="First day, UTC.")]
Until = Annotated[date | None, typer.Option(parser=day, metavar="2026-11-23", help="Last day, UTC.")]
PredictedLabel = Annotated[
    str | None, typer.Option("--predicted", metavar="LABEL", help="Only readings with this predicted label.")
]
SourceFile = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="Only the readings of this published file.")
]
Device = Annotated[str | None, typer.Option(help="Only this device's readings.")]
LabelFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="A published CSV file with a column of known labels, to score against.",
    ),
]
IdPrefix = Annotated[str, typer.Option(help="The --id-prefix that the files were published with.")]
