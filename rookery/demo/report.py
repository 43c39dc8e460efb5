"""DemoReport: the results of the demo, and their rendering in the terminal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rookery.demo.traffic import SINGLE, TABLE
from rookery.environment.stats_client import Latency, latency
from rookery.load.accounting.folder_results import local_path
from rookery.schemas.output.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

    from rookery.dataset.datasets import Dataset
    from rookery.environment.local import Folders
    from rookery.environment.results_location import ResultsLocation
    from rookery.environment.stats_client import Batches
    from rookery.load.accounting.ledger import Account
    from rookery.schemas.prediction import Prediction
    from rookery.schemas.rejection import Rejection

ENOUGH_ACCURACY: Final = 0.98
_SHOWN_IDS: Final = 8
_ROUNDING: Final = 1e-4
"""An accuracy in a card is rounded."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of the demo: messages sent, seconds until all results were durable, and the worker's batches."""

    name: str
    messages: int
    seconds: float
    batches: Batches

    @property
    def rate(self) -> float:
        """Readings a second, from the first publication to the last result."""
        return self.batches.readings / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """The content of the demo's report. `acknowledged` is the age of messages at their acknowledgement, by the broker."""

    dataset: Dataset
    phases: Sequence[Phase]
    account: Account
    predicted: Mapping[str, Prediction]
    rejected: Mapping[str, Rejection]
    expected_accuracy: float
    training_accuracy: float
    acknowledged: Latency | None
    location: ResultsLocation
    folders: Folders
    broker: str
    keeps_logs: bool = False

    @property
    def confusion(self) -> Counter[tuple[str, str]]:
        """Counts by observed and predicted label, over the single and the table reading of each row."""
        return Counter(
            (reading.label, prediction.label)
            for reading in self.dataset.readings
            for prefix in (SINGLE, TABLE)
            if (prediction := self.predicted.get(reading.reading_id(prefix))) is not None
        )

    @property
    def accuracy(self) -> float:
        """The share of predictions that equal the observers' label; 0 where there is no prediction."""
        confusion = self.confusion
        correct = sum(count for (observed, named), count in confusion.items() if observed == named)
        return correct / confusion.total() if confusion else 0.0

    @property
    def enough_accuracy(self) -> float:
        """ENOUGH_ACCURACY, or the model's own on its training data where it knew these less well."""
        return min(ENOUGH_ACCURACY, self.training_accuracy - _ROUNDING)

    @property
    def good(self) -> bool:
        """Whether reconciliation passed and the accuracy is enough."""
        return self.account.closed and self.accuracy >= self.enough_accuracy


def render(report: DemoReport) -> RenderableType:
    """Draw the report."""
    parts = (
        _reconciliation(report),
        _accuracy(report),
        _speed(report),
        _reasons(report.rejected.values()),
        _end(report),
    )
    return Group("", *(Padding(part, (0, 0, 1, 2)) for part in parts))


def _reconciliation(report: DemoReport) -> RenderableType:
    account = report.account
    lines = _grid(3)
    what = f"{len(report.dataset.readings)} {report.dataset.name}: {', '.join(each.name for each in report.phases)}"
    lines.add_row("published", str(account.published), Text(what, style="dim"))
    lines.add_row("predicted", str(account.predicted), "")
    lines.add_row("rejected", str(account.rejected), Text("each with every reason, below", style="dim"))
    lines.add_row("lost", _zero(account.lost), _ids(account.lost))
    wrong = _ids([each.reading_id for each in account.wrong])
    lines.add_row(
        "mismatched",
        _zero(account.wrong),
        wrong or Text("compared with the model's own predictions", style="dim"),
    )
    lines.add_row("unexpected", _zero(account.unexpected), _ids(account.unexpected))
    lines.add_row("duplicates", str(len(account.duplicated)), _ids(account.duplicated))
    sums = f"{account.published} = {account.predicted} + {account.rejected} + {len(account.lost)}"
    verdict = "Reconciliation passed" if account.closed else "Reconciliation failed"
    style = "bold green" if account.closed else "bold red"
    return Group(_title("Reconciliation"), lines, Text.assemble((verdict, style), f": {sums}."))


def _accuracy(report: DemoReport) -> RenderableType:
    confusion = report.confusion
    correct = round(report.accuracy * confusion.total())
    style = "bold green" if report.accuracy >= report.enough_accuracy else "bold red"
    share = Text.assemble(
        (f"{report.accuracy:.1%}", style),
        f" accuracy: {confusion.total() - correct} of {confusion.total()} misclassified.",
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("observed \\ predicted", style="dim")
    labels = report.dataset.contract.contract.labels
    for label in labels:
        table.add_column(label, justify="right")
    for observed in labels:
        table.add_row(
            observed, *(_cell(confusion[observed, named], correct=observed == named) for named in labels)
        )
    remark = (
        "The model was trained on these readings; its cross-validated accuracy"
        f" is {report.expected_accuracy:.1%}."
    )
    return Group(_title("Accuracy"), share, Text(remark, style="dim"), table)


def _cell(count: int, *, correct: bool) -> Text:
    if count == 0:
        return Text("·", style="dim")
    return Text(str(count), style="green" if correct else "yellow")


def _speed(report: DemoReport) -> RenderableType:
    waits = latency(
        (one.predicted_at - one.published_at).total_seconds()
        for one in report.predicted.values()
        if one.published_at is not None
    )
    ages = Table.grid(padding=(0, 3, 0, 0))
    ages.add_row(Text("published to predicted", style="dim"), *_times(waits))
    if report.acknowledged is not None:
        ages.add_row(Text("published to acknowledged", style="dim"), *_times(report.acknowledged))
    phases = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    phases.add_column("phase", style="dim")
    for name in ("messages", "readings", "batches", "mean batch", "readings/s"):
        phases.add_column(name, justify="right")
    for each in report.phases:
        batches = each.batches
        counts = (each.messages, batches.readings, batches.batches)
        phases.add_row(each.name, *map(str, counts), f"{batches.mean:.1f}", f"{each.rate:,.0f}")
    return Group(_title(f"Latency and throughput over {report.broker}"), ages, phases)


def _times(measured: Latency) -> tuple[str, str]:
    return f"p50 {measured.p50_s * 1000:.0f} ms", f"p99 {measured.p99_s * 1000:.0f} ms"


def _reasons(rejected: Iterable[Rejection]) -> RenderableType:
    counts = Counter((reason.field, reason.rule) for one in rejected for reason in one.reasons)
    lines = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    lines.add_column("", justify="right")
    lines.add_column("field")
    lines.add_column("rule")
    for (field, rule), count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        lines.add_row(str(count), Text(printable(field)), Text(printable(rule)))
    return Group(_title("Why readings were rejected"), lines)


def _end(report: DemoReport) -> RenderableType:
    lines = _grid(2)
    deleted = ", deleted with this run" if report.location.temporary else ""
    lines.add_row("predictions", Text(f"{_place(report.location.results)}{deleted}"))
    lines.add_row("rejections", Text(f"{_place(report.location.rejects)}{deleted}"))
    if report.keeps_logs or not report.good:
        lines.add_row("logs", Text(str(report.folders.logs)))
    return lines


def _place(address: str) -> str:
    """An address for display: a folder by its path, relative to the working directory where it lies below."""
    if not address.startswith("file://"):
        return address
    path = local_path(address)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _grid(columns: int) -> Table:
    grid = Table.grid(padding=(0, 3, 0, 0))
    grid.add_column(style="dim")
    grid.add_column(justify="right" if columns > 2 else "left", overflow="fold")  # noqa: PLR2004  label, number, remark
    for _ in range(columns - 2):
        grid.add_column(overflow="fold")
    return grid


def _title(words: str) -> Text:
    return Text(words, style="bold")


def _zero(found: Sequence[object]) -> Text:
    return Text(str(len(found)), style="bold red" if found else "green")


def _ids(found: Sequence[str]) -> Text:
    more = f" and {len(found) - _SHOWN_IDS} more" if len(found) > _SHOWN_IDS else ""
    return Text(printable(", ".join(found[:_SHOWN_IDS])) + more, style="red")
