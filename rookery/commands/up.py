"""`rookery up`: broker and worker over one folder, kept running."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated

import typer

from rookery.commands.options import Host, Port, ReadyFile  # noqa: TC001  the same
from rookery.installed import require


def up(  # noqa: PLR0913  each option is a parameter
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of messages, results and log; without it rookery/station in your data folder."
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8085,
    worker_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the worker, on this machine only.")
    ] = 8080,
    model: Annotated[str | None, typer.Option(help="The model: a path or gs://bucket/object.")] = None,
    pull: Annotated[
        bool, typer.Option("--pull", help="Let the worker pull in place of being pushed to.")
    ] = False,
    ready_file: ReadyFile = None,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="Print a systemd unit that runs this command; start nothing.")
    ] = False,
) -> None:
    """Run a station: broker and worker over one folder, restarted when they end, drained on SIGTERM or Ctrl-C.

    Host and port are the broker's, which publishers reach. ROOKERY_ variables configure the worker, but for its
    addresses and the place of its results.

    Exit code 0: both ended in order. 1: one had to be killed; its messages are redelivered. 2: not started, or one cannot run.

    Example: rookery up --data /var/lib/rookery
    """
    from rookery.station.folder import default_data  # noqa: PLC0415  lazy, so that help is quick
    from rookery.station.options import StationOptions  # noqa: PLC0415  the same

    options = StationOptions(
        data=(data or default_data()).absolute(),
        host=host,
        port=port,
        worker_port=worker_port,
        model=model,
        pull=pull,
        ready_file=ready_file,
    )
    if systemd:
        from rookery.station.unit import systemd_unit  # noqa: PLC0415  the same

        typer.echo(systemd_unit(options), nl=False)
        return
    require("worker", "broker", "publisher", "oidc")
    from rookery.station.run import run  # noqa: PLC0415  the same

    raise typer.Exit(run(options))
