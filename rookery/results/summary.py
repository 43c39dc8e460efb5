"""PredictionSummary: predictions counted by day, label and device, with their accuracy where labels are known."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from rookery.schemas.output.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rookery.results.id_set import Labels
    from rookery.schemas.prediction import Prediction


class PredictionSummary:
    """Counts each prediction that is entered; the caller enters no duplicates."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self.readings = 0
        self.outliers = 0
        self.days: Counter[str] = Counter()
        self.target = "label"
        self.answers: Counter[str] = Counter()
        self.devices: Counter[str] = Counter()
        self.models: Counter[str] = Counter()
        self.confusion: Counter[tuple[str, str]] = Counter()

    def enter(self, predictions: Iterable[Prediction]) -> None:
        """Count predictions."""
        for one in predictions:
            self.readings += 1
            self.outliers += bool(one.out_of_distribution)
            self.days[one.predicted_at.date().isoformat()] += 1
            self.target = one.target
            self.answers[one.label] += 1
            self.devices[one.device_id or "-"] += 1
            self.models[one.model] += 1
            known = self._labels[one.reading_id]
            if known is not None:
                self.confusion[known, one.label] += 1

    @property
    def scored(self) -> int:
        """Number of readings with a known label."""
        return self.confusion.total()

    @property
    def misclassified(self) -> int:
        """Number of those with another prediction than their label."""
        return sum(count for (known, predicted), count in self.confusion.items() if known != predicted)

    def render(self, *, duplicates: int, devices: int = 20) -> None:
        """Print all counts, of the devices only the busiest."""
        console = Console(highlight=False)
        console.print(f"{self.readings} readings ({duplicates} duplicate lines skipped)")
        if not self.readings:
            return
        console.print(f"{self.outliers} out of distribution ({self.outliers / self.readings:.2%})")
        console.print(_counted("day", dict(sorted(self.days.items())), self.readings))
        console.print(_counted(self.target, self.answers, self.readings))
        console.print(_counted("device", dict(self.devices.most_common(devices)), self.readings))
        if len(self.devices) > devices:
            console.print(f"... and {len(self.devices) - devices} more devices")
        console.print(_counted("model", self.models, self.readings))
        if self.scored:
            console.print(
                f"accuracy {1 - self.misclassified / self.scored:.2%}:"
                f" {self.misclassified} of {self.scored} labelled readings misclassified"
            )
            console.print(self._confused())

    def _confused(self) -> Table:
        every = sorted({predicted for _, predicted in self.confusion})
        table = Table("label", *(Column(Text(printable(f"predicted {each}"))) for each in every))
        for known in sorted({known for known, _ in self.confusion}):
            table.add_row(
                Text(printable(known)), *(str(self.confusion[known, predicted]) for predicted in every)
            )
        return table


def _counted(what: str, counts: Mapping[str, int], total: int) -> Table:
    table = Table(what, "readings", "share")
    for name, count in counts.items():
        table.add_row(Text(printable(name)), str(count), f"{count / total:.1%}")
    return table
