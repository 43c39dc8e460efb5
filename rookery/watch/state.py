"""PageState: the page's statistics of results, kept in bounded memory."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rookery.schemas.features import FEATURES, fields_matrix
from rookery.schemas.identity import known_as
from rookery.schemas.reading import SPECIES
from rookery.watch.per_second import PerSecondCounts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rookery.schemas.prediction import Prediction
    from rookery.schemas.rejection import Rejection
    from rookery.worker.observability.drift import Drift

_READINGS: Final = 1_200
_REJECTIONS: Final = 200
_DAYS: Final = 366
_SHOWN_DAYS: Final = 14
_SHOWN_REJECTIONS: Final = 40
_SHOWN_REASONS: Final = 8


@dataclass(frozen=True, slots=True)
class OriginalPayload:
    """A rejected reading with its original payload, under the number that the page links to."""

    number: int
    rejection: Rejection


class PageState:
    """Takes result lines and counts each reading once; duplicate lines are skipped.

    `drift` compares the sampled readings. Known readings are remembered by a 64-bit hash: among a million, two collide
    with a chance of one in forty million.
    """

    def __init__(self, drift: Drift) -> None:
        """Start without results."""
        self._drift = drift
        self._known: set[int] = set()
        self._predicted = self._rejected = self._duplicates = self._outliers = 0
        self._sampled = self._sampled_outliers = 0
        self._species: Counter[str] = Counter()
        self._days: dict[str, Counter[str]] = {}
        self._readings: deque[list[Any]] = deque(maxlen=_READINGS)
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
        return next((each.rejection for each in self._originals if each.number == number), None)

    def snapshot(self) -> dict[str, Any]:
        """The state as plain values for JSON."""
        return {
            "totals": {
                "predicted": self._predicted,
                "rejected": self._rejected,
                "out_of_distribution": self._outliers,
                "duplicates": self._duplicates,
            },
            "latest": None if self._latest is None else self._latest.timestamp(),
            "model": self._model,
            "species": {name: self._species[name] for name in SPECIES},
            "days": {day: dict(self._days[day]) for day in sorted(self._days)[-_SHOWN_DAYS:]},
            "readings": list(self._readings),
            "seconds": self._seconds.rows(),
            "batches": dict(sorted(self._batches.items())),
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
        known = hash(known_as(line))
        if known in self._known:
            self._duplicates += 1
            return False
        self._known.add(known)
        return True

    def _take_prediction(self, line: Prediction) -> None:
        at = line.predicted_at
        if not self._new(line, at):
            return
        self._predicted += 1
        self._outliers += line.out_of_distribution
        self._species[line.species] += 1
        self._model = line.model
        self._day((line.observed_at or at).date().isoformat(), line.species)
        self._seconds.predicted(at, line.published_at)
        self._batched(at)
        if line.features is not None:
            self._take_features(line, line.features)

    def _take_features(self, line: Prediction, features: dict[str, Any]) -> None:
        length, depth = features.get("bill_length_mm"), features.get("bill_depth_mm")
        if length is not None and depth is not None:
            place = SPECIES.index(line.species) if line.species in SPECIES else -1
            self._readings.append(
                [length, depth, place, int(line.out_of_distribution), round(line.probability, 3)]
            )
        if line.species in SPECIES and not self._over_sampled(line):
            self._sampled += 1
            self._sampled_outliers += line.out_of_distribution
            row = fields_matrix([{name: features.get(name) for name in FEATURES}])
            self._drift.keep(row, np.array([SPECIES.index(line.species)]))

    def _over_sampled(self, line: Prediction) -> bool:
        """Whether drift has its share of outliers: the worker samples more of these than of other readings."""
        return (
            line.out_of_distribution
            and self._sampled_outliers * self._predicted > self._sampled * self._outliers
        )

    def _take_rejection(self, line: Rejection) -> None:
        if not self._new(line, line.rejected_at):
            return
        self._rejected += 1
        self._seconds.rejected(line.rejected_at)
        self._originals.append(OriginalPayload(next(self._numbers), line))
        for each in line.reasons:
            self._reasons[(each.field[:60], each.rule.partition(":")[0])] += 1

    def _day(self, day: str, species: str) -> None:
        self._days.setdefault(day, Counter())[species] += 1
        if len(self._days) > _DAYS:
            del self._days[min(self._days)]

    def _batched(self, at: datetime) -> None:
        """Readings of one batch share one time: count them, and enter the size when the next batch begins."""
        moment, size = self._batch
        if moment == at:
            self._batch = (at, size + 1)
            return
        if size:
            self._batches[1 << (size - 1).bit_length()] += 1
        self._batch = (at, 1)

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
