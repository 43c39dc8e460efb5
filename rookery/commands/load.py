"""`rookery load`: its options; the run is imported when the command is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path  # noqa: TC003  typer reads it at run time
from typing import Annotated

import typer

from rookery.installed import require
from rookery.load_test.options import LoadOptions, LoadTarget, RemoteTarget


def load(  # noqa: PLR0913  each option is a parameter
    *,
    shape: Annotated[
        str, typer.Option(help="baseline, normal, stress (until a second is broken), spike or soak.")
    ] = "normal",
    target: Annotated[
        LoadTarget, typer.Option(help="The embedded broker, Google's emulator (started), or a deployment.")
    ] = LoadTarget.BROKER,
    seconds: Annotated[float | None, typer.Option(min=1, help="How long the shape lasts.")] = None,
    max_users: Annotated[int | None, typer.Option(min=1, help="Most users of the shape.")] = None,
    max_messages: Annotated[
        int | None, typer.Option(min=1, help="Messages after which the swarm ends; production needs it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report; load/reports/<date>-<shape>-<target>.")
    ] = None,
    fault_drop: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Fault injection: the worker loses one line in N; reconciliation must fail.",
        ),
    ] = None,
    project: Annotated[str | None, typer.Option(help="Production: the project that pays.")] = None,
    topic: Annotated[str, typer.Option(help="Production: the topic.")] = "readings",
    results: Annotated[str | None, typer.Option(help="Production: gs://bucket/predictions.")] = None,
    rejects: Annotated[str | None, typer.Option(help="Production: gs://bucket/rejections.")] = None,
    like: Annotated[
        Path | None,
        typer.Option(help="Production: folder of its Terraform, whose billing and region price the run."),
    ] = None,
) -> None:
    """Run a Locust load test, reconcile every reading, and write an HTML report.

    ROOKERY_LOAD_ variables configure the rest of the swarm (load/swarm/settings.py). Exit code 1: reconciliation failed.

    Example: rookery load --shape spike --target broker
    """
    require("load")
    from rookery.load.swarm.stages import SHAPES  # noqa: PLC0415  lazy, see above

    if shape not in SHAPES:
        raise typer.BadParameter(f"{shape} is none of {', '.join(SHAPES)}", param_hint="--shape")
    from rookery.load_test.run import run  # noqa: PLC0415  lazy, see above

    shape_settings = {"seconds": seconds, "max_users": max_users}
    from rookery.capacity.terraform import deployment_like  # noqa: PLC0415  likewise

    remote = RemoteTarget(project=project, topic=topic, results=results, rejects=rejects)
    if like is not None:
        remote = replace(remote, deployment=deployment_like(like))
    order = LoadOptions(
        shape=shape,
        target=target,
        folder=out,
        max_messages=max_messages,
        remote=remote,
        fault_drop=fault_drop,
        swarm_settings=shape_settings,
    )
    raise typer.Exit(run(order))
