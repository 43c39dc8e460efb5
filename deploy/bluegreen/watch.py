"""Watch: the request metrics of one revision in Cloud Monitoring, checked against the limits of the push window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bluegreen.errors import UnhealthyRevisionError
from bluegreen.google_api import GoogleApi

if TYPE_CHECKING:
    from datetime import datetime

    from bluegreen.gcloud import Gcloud

_FINEST_S: Final = 60
"""Cloud Run's metrics are sampled once a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Beyond the first two Pub/Sub's push window begins to close; `age_s` bounds the age of a waiting message."""

    refused_share: float = 0.01
    latency_s: float = 1.0
    age_s: float = 120.0


@dataclass(frozen=True, slots=True)
class RequestStats:
    """Requests of a window, how many of them were not acknowledged (any status but 2xx), and the p99 latency."""

    requests: int
    refused: int
    p99_s: float

    def check(self, limits: Limits) -> None:
        """Raise UnhealthyRevisionError where a limit is broken, or where Monitoring counted no request."""
        if not self.requests:
            raise UnhealthyRevisionError(
                "Monitoring saw no request of the green revision, so nothing can be said of it"
            )
        share = self.refused / self.requests
        if share > limits.refused_share:
            raise UnhealthyRevisionError(
                f"{self.refused} of {self.requests} requests were refused ({share:.1%}); {limits.refused_share:.1%} is the limit"
            )
        if self.p99_s > limits.latency_s:
            raise UnhealthyRevisionError(
                f"p99 latency is {self.p99_s:.2f} s; {limits.latency_s:.2f} s is the limit"
            )

    def __str__(self) -> str:
        return f"{self.requests} requests, {self.refused} refused, p99 {self.p99_s:.2f} s"


@dataclass(frozen=True, slots=True)
class BacklogStats:
    """The ages (s) of the oldest message of a subscription in a window."""

    ages: tuple[float, ...]

    def check(self, limits: Limits) -> None:
        """Raise UnhealthyRevisionError where the latest age is above the limit, or where Monitoring has none."""
        if not self.ages:
            raise UnhealthyRevisionError("Monitoring has no age of the backlog, so nothing can be said of it")
        if self.ages[0] > limits.age_s:
            raise UnhealthyRevisionError(f"{self}; {limits.age_s:.0f} s is the limit")

    def __str__(self) -> str:
        return f"the oldest message waits for {self.ages[0]:.0f} s" if self.ages else "no age of the backlog"


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The numbers of one revision."""

    gcloud: Gcloud
    service: str
    revision: str

    def stats(self, since: datetime, until: datetime) -> RequestStats:
        """Ask Monitoring for the requests of a window; raises GcloudError where it does not answer."""
        window = f"{max(_FINEST_S, int((until - since).total_seconds()))}s"
        query = {
            "interval.startTime": since.isoformat(),
            "interval.endTime": until.isoformat(),
            "aggregation.alignmentPeriod": window,
            "aggregation.perSeriesAligner": "ALIGN_DELTA",
        }
        counted = {
            "aggregation.crossSeriesReducer": "REDUCE_SUM",
            "aggregation.groupByFields": "metric.labels.response_code_class",
        }
        slow = {"aggregation.crossSeriesReducer": "REDUCE_PERCENTILE_99"}
        classes = self._series("request_count", {**query, **counted})
        latency = self._series("request_latencies", {**query, **slow})
        requests = {_code_class(series): int(sum(_points(series))) for series in classes}
        return RequestStats(
            requests=sum(requests.values()),
            refused=sum(count for code_class, count in requests.items() if code_class != "2xx"),
            p99_s=max((point for series in latency for point in _points(series)), default=0.0) / 1000,
        )

    def backlog(self, subscription: str, since: datetime, until: datetime) -> BacklogStats:
        """Ask Monitoring for the age of a subscription's oldest message; raises GcloudError where it does not answer."""
        metric = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
        chosen = (
            f'metric.type="{metric}" AND resource.labels.subscription_id="{subscription.rpartition("/")[2]}"'
        )
        # One point a minute: a window of less may hold none.
        since = min(since, until - timedelta(seconds=2 * _FINEST_S))
        window = {"interval.startTime": since.isoformat(), "interval.endTime": until.isoformat()}
        series = self._found(chosen, window)
        return BacklogStats(tuple(point for each in series for point in _points(each)))

    def _series(self, metric: str, query: dict[str, str]) -> list[dict[str, Any]]:
        chosen = (
            f'metric.type="run.googleapis.com/{metric}"'
            f' AND resource.labels.service_name="{self.service}"'
            f' AND resource.labels.revision_name="{self.revision}"'
        )
        return self._found(chosen, query)

    def _found(self, chosen: str, query: dict[str, str]) -> list[dict[str, Any]]:
        path = f"v3/projects/{self.gcloud.project}/timeSeries"
        answer = GoogleApi(self.gcloud, "monitoring").get(path, {"filter": chosen, **query})
        series: list[dict[str, Any]] = answer.get("timeSeries", [])
        return series


def _code_class(series: dict[str, Any]) -> str:
    found: str = series["metric"]["labels"]["response_code_class"]
    return found


def _points(series: dict[str, Any]) -> list[float]:
    # An int64 comes as a string in JSON, a double as a number.
    return [
        float(point["value"].get("int64Value", point["value"].get("doubleValue", 0)))
        for point in series["points"]
    ]
