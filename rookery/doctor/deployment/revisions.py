"""The checks of revisions and instances: something runs, serves, and may go on between pushes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.doctor.finding import error, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.doctor.deployment.deployed_worker import DeployedWorker
    from rookery.doctor.finding import Finding


def revisions(worker: DeployedWorker) -> Iterator[Finding]:
    """Check that the latest revision is ready, and that a revision serves."""
    kind, name = worker.target.kind, worker.target.name
    if worker.complaint:
        yield error(f"the {kind} {name} is not ready: {worker.complaint}.", worker.target.command("describe"))
    if worker.latest_created != worker.latest_ready:
        yield error(
            f"the latest revision {worker.latest_created} never became ready;"
            f" {worker.latest_ready or 'none'} serves in its place.",
            f"gcloud logging read --project={worker.target.project} --limit=20"
            f" 'resource.labels.revision_name={worker.latest_created}'",
        )
    elif not worker.traffic:
        yield error(f"no revision of the {kind} {name} serves.", _serve_latest(worker))
    else:
        shares = ", ".join(f"{each} {share} %" for each, share in worker.traffic.items())
        yield ok(f"the {kind} {name} serves {shares}")


def _serve_latest(worker: DeployedWorker) -> str:
    if worker.target.pool:
        return f"{worker.target.command('update-instance-split')} --to-latest"
    return f"{worker.target.command('update-traffic')} --to-latest"


def instances(worker: DeployedWorker) -> Iterator[Finding]:
    """Check the bounds of instances, and that their CPU is there between pushes."""
    bounds, target = worker.bounds, worker.target
    if bounds.manual == 0:
        yield error(
            f"the {target.kind} {target.name} is scaled to 0 instances by hand: nothing takes readings.",
            f"{target.command('update')} --scaling=1"
            if target.pool
            else f"{target.command('update', beta=True)} --scaling=auto",
        )
    elif target.pool and not (bounds.manual or bounds.least):
        yield warning(
            f"the worker pool {target.name} may scale to 0 instances, which no message ends.",
            f"{target.command('update')} --scaling=1",
        )
    elif not (bounds.manual or bounds.least):
        yield warning(
            f"the service {target.name} may scale to 0 instances: the first pushes wait for a cold start, and"
            " the push window closes.",
            f"{target.command('update')} --min=1",
        )
    else:
        most = "" if bounds.most is None else f" to {bounds.most}"
        yield ok(f"{bounds.manual or bounds.least}{most} instances run")
    if worker.cpu_idle:
        yield warning(
            "an instance has CPU only while it answers (request billing): metrics and the model's refresh stand still.",
            f"{target.command('update')} --no-cpu-throttling",
        )
