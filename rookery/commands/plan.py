"""`rookery plan`: its options; the simulation is imported when the command is called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from rookery.installed import require

_RATE: Final = re.compile(r"([0-9][0-9_,.]*)(?:/s)?")


def plan(  # noqa: PLR0913  each option is a parameter
    *,
    rate: Annotated[str, typer.Option(help="Readings a second at the most: 50000/s.")] = "1000/s",
    reading_bytes: Annotated[int, typer.Option(min=1, help="Bytes of a reading as a message.")] = 200,
    shape: Annotated[str, typer.Option(help="steady, stress (climbing) or spike.")] = "spike",
    seconds: Annotated[float, typer.Option(min=1, help="How long the shape lasts.")] = 60.0,
    table_rows: Annotated[int, typer.Option(min=2, help="Readings in a table.")] = 1000,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1000, help="Requests an instance takes at once.")
    ] = 250,
    min_instances: Annotated[int, typer.Option(min=0, help="Instances that are always there.")] = 0,
    max_instances: Annotated[int, typer.Option(min=1, help="Instances at the most.")] = 100,
    vcpu: Annotated[float, typer.Option(min=0.1, help="Paid for each instance; one core works.")] = 1.0,
    gib: Annotated[float, typer.Option(min=0.1, help="Memory of each instance.")] = 0.5,
    out: Annotated[Path, typer.Option(help="File of the page.")] = Path("plan.html"),
) -> None:
    """Simulate a deployment: backlog, latency and instances over time, and the price of a million readings.

    Nothing is sent and nothing is spent. The exit code is 0 for any result.

    Example: rookery plan --rate 50000/s --shape spike --seconds 60
    """
    written = _RATE.fullmatch(rate)
    if written is None:
        raise typer.BadParameter(f"{rate}: readings a second are needed, as 50000/s", param_hint="--rate")
    require("load")
    from rookery.capacity.run import PlanOptions, run  # noqa: PLC0415  lazy, see above

    wanted = PlanOptions(
        rate=float(written[1].replace("_", "").replace(",", "")),
        reading_bytes=reading_bytes,
        shape=shape,
        seconds=seconds,
        rows=table_rows,
        concurrency=concurrency,
        min_instances=min_instances,
        max_instances=max_instances,
        vcpu=vcpu,
        gib=gib,
    )
    run(wanted, out)
