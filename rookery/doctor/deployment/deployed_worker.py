"""DeployedWorker: the parts of a Cloud Run service or worker pool that the doctor examines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rookery.doctor.deployment.target import DeploymentTarget

IMAGE_ENVIRONMENT: Final = {"ROOKERY_HOST": "0.0.0.0", "ROOKERY_MODEL_CACHE": "/tmp/rookery/models"}  # noqa: S104, S108  the image's own values
"""Variables that the image sets (Dockerfile), which a service's description does not show."""

_SUCCEEDED: Final = "CONDITION_SUCCEEDED"
_MANUAL: Final = "MANUAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceBounds:
    """How many instances may run: `manual` is a fixed number, None where Cloud Run decides between the bounds."""

    least: int
    most: int | None
    manual: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedWorker:
    """One deployment; `hidden` are variables that come from secrets, `complaint` is why it is not ready."""

    target: DeploymentTarget
    environment: Mapping[str, str]
    hidden: frozenset[str]
    account: str
    addresses: tuple[str, ...]
    complaint: str
    latest_created: str
    latest_ready: str
    traffic: Mapping[str, int]
    bounds: InstanceBounds
    cpu_idle: bool
    invoker_check: bool

    @classmethod
    def of(cls, target: DeploymentTarget, described: Mapping[str, Any]) -> DeployedWorker:
        """Read the answer of Cloud Run's API (version 2)."""
        template = described.get("template", {})
        container = _worker_container(template.get("containers", [{}]))
        variables = [each for each in container.get("env", ()) if each.get("name")]
        state = described.get("terminalCondition", {})
        ready = state.get("state", _SUCCEEDED) == _SUCCEEDED
        return cls(
            target=target,
            environment=IMAGE_ENVIRONMENT
            | {each["name"]: each.get("value", "") for each in variables if "valueSource" not in each},
            hidden=frozenset(each["name"] for each in variables if "valueSource" in each),
            account=template.get("serviceAccount", ""),
            addresses=_addresses(described),
            complaint="" if ready else state.get("message") or state["state"],
            latest_created=_short(described.get("latestCreatedRevision", "")),
            latest_ready=_short(described.get("latestReadyRevision", "")),
            traffic=_traffic(described),
            bounds=_bounds(described, template),
            cpu_idle=container.get("resources", {}).get("cpuIdle", False),
            invoker_check=not described.get("invokerIamDisabled", False),
        )


def _worker_container(containers: list[dict[str, Any]]) -> dict[str, Any]:
    """The worker beside its collector: by its name, or the one that listens."""
    for wanted in (lambda each: each.get("name") == "worker", lambda each: "ports" in each):
        for each in containers:
            if wanted(each):
                return each
    return containers[0]


def _addresses(described: Mapping[str, Any]) -> tuple[str, ...]:
    tagged = [each["uri"] for each in described.get("trafficStatuses", ()) if "uri" in each]
    own = [described["uri"]] if "uri" in described else []
    return tuple(dict.fromkeys([*own, *described.get("urls", ()), *tagged]))


def _traffic(described: Mapping[str, Any]) -> dict[str, int]:
    """Percent of the pushes (instances of a pool) by revision; a share of the latest one counts for its name."""
    shares: dict[str, int] = {}
    for each in described.get("trafficStatuses") or described.get("instanceSplitStatuses") or ():
        name = _short(each.get("revision") or described.get("latestReadyRevision", ""))
        shares[name] = shares.get(name, 0) + each.get("percent", 0)
    return {name: share for name, share in shares.items() if share}


def _bounds(described: Mapping[str, Any], template: Mapping[str, Any]) -> InstanceBounds:
    whole, revision = described.get("scaling", {}), template.get("scaling", {})
    # A pool that names a number has no other way to scale than by hand.
    by_hand = whole.get("scalingMode") == _MANUAL or (
        "scalingMode" not in whole and "manualInstanceCount" in whole
    )
    return InstanceBounds(
        least=max(whole.get("minInstanceCount", 0), revision.get("minInstanceCount", 0)),
        most=whole.get("maxInstanceCount") or revision.get("maxInstanceCount"),
        manual=whole.get("manualInstanceCount", 0) if by_hand else None,
    )


def _short(name: str) -> str:
    return name.rpartition("/")[2]
