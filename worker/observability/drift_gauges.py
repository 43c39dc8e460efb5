"""DriftGauges: how far the latest readings are from the training data, as a scrape shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rookery.worker.observability.drift import Drift
    from rookery.worker.observability.observer_failures import Contained


class DriftGauges(Collector):
    """Compares the latest readings with the training data, at every scrape anew."""

    def __init__(self, drift: Drift, contained: Contained) -> None:
        """Store what is asked, and where its defects end: they must not cost the scrape its other metrics."""
        self._drift = drift
        self._contained = contained

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Give the names alone: registering asks for them, and there is no model yet."""
        return self._families()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Give what a scrape writes."""
        active, index, missing, rows = self._families()
        with self._contained:
            active.add_metric([], self._drift.active)
            for shift in self._drift.shifts():
                rows.add_metric([shift.feature], shift.rows)
                missing.add_metric([shift.feature], shift.missing)
                if shift.index is not None:
                    index.add_metric([shift.feature, str(shift.monitored).lower()], shift.index)
        return active, index, missing, rows

    def _families(self) -> tuple[GaugeMetricFamily, ...]:
        by = ["feature"]
        return (
            GaugeMetricFamily(
                "rookery_drift_active",
                "1 while drift is measured, 0 where the model's card has no distribution of training data.",
                labels=(),
            ),
            GaugeMetricFamily(
                "rookery_drift_index",
                "Population stability index against the training data: above 0.25 is another population (ROOKERY_DRIFT_ROWS)."
                ' Features that the contract does not monitor have `monitored="false"`.',
                labels=[*by, "monitored"],
            ),
            GaugeMetricFamily(
                "rookery_drift_missing", "Share of the latest readings that lack it.", labels=by
            ),
            GaugeMetricFamily("rookery_drift_rows", "Latest readings that have it.", labels=by),
        )
