"""`rookery watch`: its options, and the server behind them."""

from __future__ import annotations

import asyncio
import webbrowser
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated

import typer

from rookery.commands.options import (  # noqa: TC001  typer reads the annotations
    Broker,
    Host,
    OpenPage,
    Port,
    ReadyFile,
)
from rookery.errors import UserError
from rookery.installed import require
from rookery.publisher.broker_address import broker_address
from rookery.publisher.errors import BadBrokerError
from rookery.schemas.atomic_file import write_atomically
from rookery.schemas.parsing.address import split_address


def watch(  # noqa: PLR0913  each option is a parameter
    where: Annotated[
        str,
        typer.Argument(metavar="FOLDER|gs://BUCKET/PREFIX|pubsub://PROJECT/TOPIC", help="Where results are."),
    ],
    *,
    rejects: Annotated[
        str | None, typer.Option(help="Where rejections are; beside the results where not given.")
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option(envvar="ROOKERY_WORKER", help="A worker's address: backlog, latency by phase, health."),
    ] = None,
    broker: Broker = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Model whose training data drift is measured against; the shipped one."),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8090,
    allowed_hosts: Annotated[
        str,
        typer.Option(
            envvar="ROOKERY_ALLOWED_HOSTS",
            help="Host names of the page beside localhost and IP addresses, with commas.",
        ),
    ] = "",
    show: OpenPage = False,
    ready_file: ReadyFile = None,
) -> None:
    """Serve a live page over results: predictions, throughput, latency, drift, rejections. Ctrl-C ends it.

    Example: rookery watch ./results --worker http://127.0.0.1:8080
    """
    address = split_address(worker or "")
    if worker is not None and not (address.scheme in {"http", "https"} and address.hostname):
        raise UserError(f"--worker {worker}: a URL is needed, as http://127.0.0.1:8080.")
    try:
        broker = broker and broker_address(broker)
    except BadBrokerError as error:
        raise UserError(str(error)) from None
    plan = WatchOptions(
        where, rejects, worker, broker, model, host, port, allowed_hosts, show=show, ready_file=ready_file
    )
    asyncio.run(_serve(plan))


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The options of `rookery watch`."""

    where: str
    rejects: str | None
    worker: str | None
    broker: str | None
    model: Path | None
    host: str
    port: int
    allowed_hosts: str
    show: bool
    ready_file: Path | None


async def _serve(plan: WatchOptions) -> None:
    """Serve until a signal ends it; raises UserError."""
    require("watch")
    from rookery.load.signals import shutdown_event  # noqa: PLC0415  the same
    from rookery.watch.server import WatchedResults, WatchServer  # noqa: PLC0415  the same
    from rookery.watch.source import opened  # noqa: PLC0415  the same
    from rookery.watch.state import PageState  # noqa: PLC0415  the same
    from rookery.watch.stats_sources import StatsSources  # noqa: PLC0415  half a second that --help saves
    from rookery.worker.models.loader import SHIPPED, ModelRefusedError, load  # noqa: PLC0415  the same
    from rookery.worker.observability.drift import Drift  # noqa: PLC0415  the same

    try:
        model = load(plan.model or SHIPPED)
    except ModelRefusedError as error:
        raise UserError(f"{error}.") from None
    with (
        shutdown_event() as shutdown,
        opened(plan.where, plan.rejects, broker=plan.broker) as source,
    ):
        watched = WatchedResults(
            source,
            PageState(Drift(1000, lambda: model.card), model.contract),
            StatsSources(plan.worker, plan.broker),
        )
        server = WatchServer(watched, allowed_hosts=plan.allowed_hosts.split(","))
        async with server.serving(plan.host, plan.port) as address:
            typer.echo(f"Watching {source.name} at {address} (Ctrl-C ends it)")
            if plan.ready_file is not None:
                write_atomically(plan.ready_file, address.encode(), sync=False)
            if plan.show:
                await asyncio.to_thread(webbrowser.open, address)
            await shutdown.wait()
