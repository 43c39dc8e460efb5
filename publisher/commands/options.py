"""Options of publishing, each defined once; `rookery.commands.options` hands them on to the other commands."""

from __future__ import annotations

from typing import Annotated, Final

import typer

Topic = Annotated[str, typer.Option(envvar="ROOKERY_TOPIC", help="Name of the topic, whole or short.")]
Project = Annotated[str | None, typer.Option(help="Project of a short topic name.")]
Broker = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Broker or emulator, before PUBSUB_EMULATOR_HOST.")
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=1, metavar="SECONDS", help="How long a message is tried.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what is wrong; publish nothing.")]
DeviceId = Annotated[str | None, typer.Option(help="The device that the readings are from.")]

ContractSource = Annotated[
    str | None,
    typer.Option(
        "--contract",
        envvar="ROOKERY_CONTRACT",
        metavar="FILE",
        help="The contract of readings: its file, a model's, or gs://bucket/object; the shipped one without it.",
    ),
]

DEFAULT_TIMEOUT_S: Final = 15.0
