"""PageState: the page's statistics of results, kept in bounded memory."""

from __future__ import annotations

import itertools
import time
from collections import Counter, deque
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rookery.schemas.identity import known_as
from rookery.watch.known_lines import REMEMBERED, KnownLines
from rookery.watch.per_second import PerSecondCounts
from rookery.watch.point_sample import PointSample

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.prediction import Prediction
    from rookery.schemas.rejection import Rejection
    from rookery.worker.observability.drift import Drift

_REJECTIONS: Final = 200
_DAYS: Final = 366
_SHOWN_DAYS: Final = 14
_SHOWN_REJECTIONS: Final = 40
_SHOWN_REASONS: Final = 8
_KINDS_OF_REASONS: Final = 1_000
_OTHER_REASONS: Final = ("other fields", "several rules")
"""Names of unknown fields are a sender's: those behind the first thousand are counted together."""


@dataclass(frozen=True, slots=True)
class OriginalPayload:
    """A rejected reading with its original payload, under the number that the page links to."""

    number: int
    rejection: Rejection


class PageState:
    """Takes result lines and counts each reading once; duplicate lines are skipped.

    `drift` compares the sampled readings. Duplicates are found among the newest `remembered` readings: a page that is
    open for weeks takes no more memory than after an hour.
    """

    def __init__(self, drift: Drift, contract: CompiledContract, *, remembered: int = REMEMBERED) -> None:
        """Start without results of a model's contract."""
        self._drift = drift
        self.contract = contract
        self._places = {label: place for place, label in enumerate(contract.contract.labels)}
        self._axes = contract.contract.axes
        self._remembered = remembered
        self._known = KnownLines(remembered)
        self._predicted = self._rejected = self._duplicates = self._outliers = 0
        self._sampled = self._sampled_outliers = 0
        self._labels: Counter[str] = Counter()
        self._days: dict[str, Counter[str]] = {}
        self._points = PointSample()
        self._seconds = PerSecondCounts()
        self._batches: Counter[int] = Counter()
        self._batch: tuple[datetime | None, int] = (None, 0)
        self._originals: deque[OriginalPayload] = deque(maxlen=_REJECTIONS)
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._numbers = itertools.count(1)
        self._model = ""
        self._latest: datetime | None = None

    def take(self, predictions: Iterable[Prediction], rejections: Iterable[Rejection]) -> bool:
        """Enter new lines; returns whether there was any."""
        before = self._predicted + self._rejected + self._duplicates
        for prediction in predictions:
            self._take_prediction(prediction)
        for rejection in rejections:
            self._take_rejection(rejection)
        return self._predicted + self._rejected + self._duplicates > before

    def original(self, number: int) -> Rejection | None:
        """One of the newest rejections by its number, None where it is no longer kept."""
        # A copy, for a thread may be taking new lines.
        kept = tuple(self._originals)
        return next((each.rejection for each in kept if each.number == number), None)

    def snapshot(self, now: float | None = None) -> dict[str, Any]:
        """The state at a moment (Unix seconds; the present without it) as plain values for JSON."""
        share = self._outliers / self._predicted if self._predicted else 0.0
        return {
            "totals": {
                "predicted": self._predicted,
                "rejected": self._rejected,
                "out_of_distribution": self._outliers,
                "duplicates": self._duplicates,
            },
            "latest": None if self._latest is None else self._latest.timestamp(),
            "model": self._model,
            "labels": {name: self._labels[name] for name in self._places},
            "days": {day: dict(self._days[day]) for day in sorted(self._days)[-_SHOWN_DAYS:]},
            "readings": self._points.rows(share),
            "readings_with_features": self._points.offered,
            "remembered": self._remembered,
            "seconds": self._seconds.rows(),
            "window": self._seconds.window(time.time() if now is None else now),
            "batches": self._batch_sizes(),
            "drift": self._drifts(),
            "rejections": [
                _rejected(each) for each in itertools.islice(reversed(self._originals), _SHOWN_REJECTIONS)
            ],
            "reasons": [
                {"field": field, "rule": rule, "count": count}
                for (field, rule), count in self._reasons.most_common(_SHOWN_REASONS)
            ],
        }

    def _new(self, line: Prediction | Rejection, at: datetime) -> bool:
        self._latest = at if self._latest is None else max(self._latest, at)
        if self._known.new(known_as(line)):
            return True
        self._duplicates += 1
        return False

    def _take_prediction(self, line: Prediction) -> None:
        at = line.predicted_at
        if not self._new(line, at):
            return
        self._predicted += 1
        self._outliers += bool(line.out_of_distribution)
        self._labels[line.label] += 1
        self._model = line.model
        self._day(
            (line.observed_at or line.published_at or at).astimezone(UTC).date().isoformat(), line.label
        )
        self._seconds.predicted(at, line.published_at)
        self._batched(at)
        if line.features is not None:
            self._take_features(line, line.features)

    def _take_features(self, line: Prediction, features: dict[str, Any]) -> None:
        place, outlier = self._places.get(line.label), bool(line.out_of_distribution)
        if place is None:
            return
        if self._axes is not None:
            x, y = features.get(self._axes.x), features.get(self._axes.y)
            if x is not None and y is not None:
                row = [x, y, place, int(outlier), round(line.probability, 3)]
                self._points.add(row, out_of_distribution=outlier)
        if not self._over_sampled(line):
            self._sampled += 1
            self._sampled_outliers += outlier
            encoded = self.contract.fields_matrix(
                [{name: features.get(name) for name in self.contract.names}]
            )
            self._drift.keep(encoded, np.array([place]))

    def _over_sampled(self, line: Prediction) -> bool:
        """Whether drift has its share of outliers: the worker samples more of these than of other readings."""
        return (
            bool(line.out_of_distribution)
            and self._sampled_outliers * self._predicted > self._sampled * self._outliers
        )

    def _take_rejection(self, line: Rejection) -> None:
        if not self._new(line, line.rejected_at):
            return
        self._rejected += 1
        self._seconds.rejected(line.rejected_at)
        self._originals.append(OriginalPayload(next(self._numbers), line))
        for each in line.reasons:
            reason = (each.field[:60], each.rule.partition(":")[0])
            known = reason in self._reasons or len(self._reasons) < _KINDS_OF_REASONS
            self._reasons[reason if known else _OTHER_REASONS] += 1

    def _day(self, day: str, label: str) -> None:
        self._days.setdefault(day, Counter())[label] += 1
        if len(self._days) > _DAYS:
            del self._days[min(self._days)]

    def _batched(self, at: datetime) -> None:
        """Readings of one batch share one time: count them, and enter the size when the next batch begins."""
        moment, size = self._batch
        if moment == at:
            self._batch = (at, size + 1)
            return
        if size:
            self._batches[_size_class(size)] += 1
        self._batch = (at, 1)

    def _batch_sizes(self) -> dict[int, int]:
        """Batches by the upper bound of their size, the newest one as far as it was read."""
        found = self._batches.copy()
        if self._batch[1]:
            found[_size_class(self._batch[1])] += 1
        return dict(sorted(found.items()))

    def _drifts(self) -> list[dict[str, Any]]:
        if not self._sampled:
            return []
        return [
            {
                "feature": each.feature,
                "index": None if each.index is None else round(each.index, 4),
                "rows": each.rows,
                "drifted": each.drifted,
                "missing": round(each.missing, 4),
            }
            for each in self._drift.shifts()
        ]


def _size_class(size: int) -> int:
    """The least power of two that is not below a size."""
    return 1 << (size - 1).bit_length()


def _rejected(each: OriginalPayload) -> dict[str, Any]:
    line = each.rejection
    return {
        "number": each.number,
        "at": line.rejected_at.timestamp(),
        "reading_id": line.reading_id[:80],
        "row": line.row,
        "device_id": (line.device_id or "")[:40],
        "reasons": [
            {"field": one.field[:60], "rule": one.rule, "value": (one.value or "")[:60]}
            for one in line.reasons[:4]
        ],
        "more": max(0, len(line.reasons) - 4),
    }
