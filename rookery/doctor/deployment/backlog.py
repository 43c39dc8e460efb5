"""The backlog check: Cloud Monitoring's own figures of the subscription, over the latest ten minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from rookery.doctor.deployment.google_apis import ApiDeniedError
from rookery.doctor.finding import error, ok, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.doctor.deployment.google_apis import GoogleApis
    from rookery.doctor.deployment.target import DeploymentTarget
    from rookery.doctor.finding import Finding

LATE_S: Final = 300
"""The age of the oldest message from which the alert `Backlog age` counts it as late."""

_WINDOW: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Metrics:
    google: GoogleApis
    project: str
    subscription: str

    def points(self, metric: str) -> list[float]:
        """Values of ten minutes, the latest first within a series; raises ApiUnreachableError, ApiDeniedError."""
        now = datetime.now(UTC)
        name = self.subscription.rpartition("/")[2]
        query = {
            "filter": f'metric.type="pubsub.googleapis.com/subscription/{metric}" AND'
            f' resource.type="pubsub_subscription" AND resource.labels.subscription_id="{name}"',
            "interval.startTime": _rfc3339(now - _WINDOW),
            "interval.endTime": _rfc3339(now),
        }
        answer = self.google.get("monitoring", f"v3/projects/{self.project}/timeSeries", query) or {}
        return [_value(point) for series in answer.get("timeSeries", ()) for point in series["points"]]


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _value(point: dict[str, Any]) -> float:
    value = point["value"]
    return float(value.get("int64Value", value.get("doubleValue", 0)))


def backlog(google: GoogleApis, target: DeploymentTarget, subscription: str) -> Iterator[Finding]:
    """Check that waiting messages are taken; raises ApiUnreachableError."""
    # A subscription may belong to another project than the service.
    metrics = _Metrics(google, subscription.split("/")[1], subscription)
    try:
        waiting, ages = (
            metrics.points("num_undelivered_messages"),
            metrics.points("oldest_unacked_message_age"),
        )
        acked = sum(metrics.points("ack_message_count"))
        streams = metrics.points("open_streaming_pulls") if target.pool else []
    except ApiDeniedError as denied:
        yield unknown(f"the backlog cannot be read here: {denied}")
        return
    if target.pool and streams and not max(streams):
        yield error(
            f"no worker has a stream to {subscription} open: nothing listens.", target.command("describe")
        )
    if not waiting or not ages:
        yield unknown(f"Cloud Monitoring has no figures of {subscription} of the latest ten minutes")
    elif ages[0] <= LATE_S:
        yield ok(f"{waiting[0]:,.0f} messages wait, the oldest for {ages[0]:.0f} s")
    elif acked:
        yield warning(
            f"{waiting[0]:,.0f} messages wait, the oldest for {ages[0]:.0f} s; {acked:,.0f} were acknowledged in"
            " ten minutes.",
            "Raise max_instances; docs/operations.md, Backlog age, says what else.",
        )
    else:
        yield error(
            f"{waiting[0]:,.0f} messages wait, the oldest for {ages[0]:.0f} s, and none was acknowledged in ten"
            " minutes: nothing takes them.",
            target.log,
        )
