"""`rookery doctor`: its options; the examination is imported when the command is called."""

from __future__ import annotations

from typing import Annotated

import typer

from rookery.commands.options import Broker, Project, Topic  # noqa: TC001  typer reads the annotations
from rookery.errors import UserError
from rookery.installed import require
from rookery.publisher.topics import LOCAL_TOPIC

_REGION = "europe-west1"


def doctor(  # noqa: PLR0913  each option is a parameter
    *,
    topic: Topic = LOCAL_TOPIC,
    project: Project = None,
    subscription: Annotated[
        str | None, typer.Option(help="Whole name of the subscription; TOPIC-worker where not given.")
    ] = None,
    broker: Broker = None,
    service: Annotated[
        str | None, typer.Option(help="Cloud Run service to examine, in place of this environment.")
    ] = None,
    worker_pool: Annotated[
        str | None, typer.Option(help="Cloud Run worker pool to examine, likewise.")
    ] = None,
    region: Annotated[str, typer.Option(help="Region of the service or worker pool.")] = _REGION,
    probe: Annotated[
        bool, typer.Option(help="Post one invalid reading of the device rookery-doctor to the push endpoint.")
    ] = True,
) -> None:
    """Check the configuration in the environment and in Pub/Sub: what is unsafe, and how to fix it.

    With --service or --worker-pool it is a deployment's: its own environment, scaling, revisions, role bindings and
    backlog, and one probe of its push endpoint.

    Exit code 0: no error. 1: at least one error. 2: the deployment could not be examined.

    Example: rookery doctor --project my-project --region europe-west1 --service rookery-worker
    """
    if not (service or worker_pool):
        from rookery.doctor.examination import run  # noqa: PLC0415  lazy, see above

        raise typer.Exit(run(topic, project=project, subscription_name=subscription, broker=broker))
    if service and worker_pool:
        raise UserError("--service and --worker-pool exclude each other.")
    if project is None:
        raise UserError("--project is needed with --service and --worker-pool.")
    require("oidc", "device")
    from rookery.doctor.deployment import examination, target  # noqa: PLC0415  lazy, see above

    wanted = target.DeploymentTarget(
        project=project, region=region, name=service or worker_pool or "", pool=worker_pool is not None
    )
    named = "readings" if topic == LOCAL_TOPIC else topic
    raise typer.Exit(examination.run(wanted, named, subscription=subscription, broker=broker, post=probe))
