"""DeploymentTarget: which service or worker pool of Cloud Run is examined, and the commands that name it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentTarget:
    """A service, or with `pool` a worker pool, of one project and region."""

    project: str
    region: str
    name: str
    pool: bool = False

    @property
    def kind(self) -> str:
        """The word for it."""
        return "worker pool" if self.pool else "service"

    @property
    def resource(self) -> str:
        """Its whole name in Cloud Run's API, version 2."""
        kind = "workerPools" if self.pool else "services"
        return f"projects/{self.project}/locations/{self.region}/{kind}/{self.name}"

    def command(self, verb: str, *, beta: bool = False) -> str:
        """The gcloud command that does `verb` to it; `beta` where an option of it is not yet stable."""
        # gcloud has worker pools among its stable commands only since 2026; the beta ones are the same.
        kind = "beta run worker-pools" if self.pool else f"{'beta ' if beta else ''}run services"
        return f"gcloud {kind} {verb} {self.name} --project={self.project} --region={self.region}"

    @property
    def log(self) -> str:
        """The gcloud command that reads its latest warnings and errors."""
        label = "worker_pool_name" if self.pool else "service_name"
        return (
            f"gcloud logging read --project={self.project} --limit=20"
            f" 'resource.labels.{label}={self.name} AND severity>=WARNING'"
        )
