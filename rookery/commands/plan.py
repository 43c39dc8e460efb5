"""`rookery plan`: its options; the simulation is imported when the command is called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from rookery.installed import require
from rookery.load.simulation.prices import Billing

_RATE: Final = re.compile(r"([0-9][0-9_,.]*)(?:/s)?")


def plan(  # noqa: PLR0913  each option is a parameter
    *,
    rate: Annotated[str, typer.Option(help="Readings a second at the most: 50000/s.")] = "1000/s",
    reading_bytes: Annotated[int, typer.Option(min=1, help="Bytes of a reading as a message.")] = 200,
    shape: Annotated[str, typer.Option(help="steady, stress (climbing) or spike.")] = "spike",
    seconds: Annotated[float, typer.Option(min=1, help="How long the shape lasts.")] = 60.0,
    table_rows: Annotated[int, typer.Option(min=2, help="Readings in a table.")] = 1000,
    like: Annotated[
        Path | None,
        typer.Option(help="Folder of Terraform that describes the deployment, before the options below."),
    ] = None,
    region: Annotated[str, typer.Option(help="Region whose prices count.")] = "europe-west1",
    billing: Annotated[Billing, typer.Option(help="How Cloud Run bills CPU and memory.")] = Billing.INSTANCE,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1000, help="Requests an instance takes at once.")
    ] = 250,
    min_instances: Annotated[int, typer.Option(min=0, help="Instances that are always there.")] = 1,
    max_instances: Annotated[int, typer.Option(min=1, help="Instances at the most.")] = 20,
    vcpu: Annotated[
        float, typer.Option(min=0.1, help="Paid for each instance, its collector included; one core works.")
    ] = 1.1,
    gib: Annotated[float, typer.Option(min=0.1, help="Memory of each instance, likewise.")] = 1.25,
    egress_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the results that is read outside of Google Cloud.")
    ] = 0.0,
    out: Annotated[Path, typer.Option(help="File of the page.")] = Path("plan.html"),
) -> None:
    """Plan a deployment: its idle cost, a month of each way to run it, and a simulated shape of load.

    Push with either billing, pull, and results by object or by subscription stand in one table. Backlog, latency and
    instances over time are simulated. Nothing is sent and nothing is spent. The exit code is 0 for any result.

    Example: rookery plan --like deploy/terraform --rate 50/s
    """
    written = _RATE.fullmatch(rate)
    if written is None:
        raise typer.BadParameter(f"{rate}: readings a second are needed, as 50000/s", param_hint="--rate")
    require("load")
    from rookery.capacity.run import PlanOptions, run  # noqa: PLC0415  lazy, see above
    from rookery.capacity.terraform import deployment_like  # noqa: PLC0415  likewise
    from rookery.load.simulation.monthly import CloudDeployment  # noqa: PLC0415  likewise

    chosen = CloudDeployment(
        region=region,
        billing=billing,
        vcpu=vcpu,
        gib=gib,
        concurrency=concurrency,
        min_instances=min_instances,
        max_instances=max_instances,
    )
    wanted = PlanOptions(
        rate=float(written[1].replace("_", "").replace(",", "")),
        reading_bytes=reading_bytes,
        shape=shape,
        seconds=seconds,
        rows=table_rows,
        egress_share=egress_share,
        deployment=chosen if like is None else deployment_like(like),
    )
    run(wanted, out)
