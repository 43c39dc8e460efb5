"""FormerNames: metrics also under the names that they had before 0.2, for dashboards that still ask for those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client.metrics_core import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry

FORMER: Final = {
    "rookery_auth_failures": "rookery_denied",
    "rookery_end_to_end_latency_seconds": "rookery_age_seconds",
    "rookery_inference_seconds": "rookery_predict_seconds",
    "rookery_invalid_envelopes": "rookery_not_envelopes",
    "rookery_model_info": "rookery_model",
    "rookery_model_loaded_timestamp_seconds": "rookery_model_since_seconds",
    "rookery_queue_bytes": "rookery_intake_bytes",
    "rookery_queue_rows": "rookery_intake_rows",
    "rookery_queue_time_seconds": "rookery_wait_seconds",
    "rookery_rejection_reasons": "rookery_reasons",
    "rookery_request_duration_seconds": "rookery_push_seconds",
    "rookery_sink_write_seconds": "rookery_write_seconds",
}
"""Former names by today's; they go with the next version."""


class FormerNames:
    """A collector of renamed metrics under their former names; register it in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Store where today's metrics are."""
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Give each renamed metric once more, its samples unchanged but for the name."""
        for metric in self._registry.collect():
            if metric.name in FORMER:
                yield _renamed(metric, FORMER[metric.name])


def _renamed(metric: Metric, former: str) -> Metric:
    again = Metric(former, f"Deprecated: {metric.name}. {metric.documentation}", metric.type, metric.unit)
    again.samples = [
        sample._replace(name=former + sample.name.removeprefix(metric.name)) for sample in metric.samples
    ]
    return again
