"""DemoReport: what the demo saw, drawn for a person."""

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
from rookery.schemas.reading import SPECIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

    from rookery.dataset.readings import ShippedReading
    from rookery.environment.local import Folders
    from rookery.environment.results_location import ResultsLocation
    from rookery.environment.stats_client import Batches
    from rookery.load.accounting.ledger import Account
    from rookery.schemas.prediction import Prediction
    from rookery.schemas.rejection import Rejection

ENOUGH_ACCURACY: Final = 0.98
_SHOWN_IDS: Final = 8


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of the demo: what it sent, how long until all of it was durable, and how the worker batched it."""

    name: str
    messages: int
    seconds: float
    batches: Batches

    @property
    def rate(self) -> float:
        """Readings a second, from the first publication to the last verdict."""
        return self.batches.readings / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """Everything that the demo's last page says. `acknowledged` is how old messages were then, as the broker saw it."""

    birds: Sequence[ShippedReading]
    phases: Sequence[Phase]
    account: Account
    predicted: Mapping[str, Prediction]
    rejected: Mapping[str, Rejection]
    unseen_accuracy: float
    acknowledged: Latency | None
    venue: ResultsLocation
    folders: Folders
    broker: str

    @property
    def confusion(self) -> Counter[tuple[str, str]]:
        """How often a species (as observed) was named so (as predicted), over the two journeys of each bird."""
        return Counter(
            (bird.species, prediction.species)
            for bird in self.birds
            for prefix in (SINGLE, TABLE)
            if (prediction := self.predicted.get(bird.reading_id(prefix))) is not None
        )

    @property
    def accuracy(self) -> float:
        """The share of predicted birds that were named as the observers did; 0 where there is none."""
        confusion = self.confusion
        right = sum(count for (seen, named), count in confusion.items() if seen == named)
        return right / confusion.total() if confusion else 0.0

    @property
    def good(self) -> bool:
        """Whether the account is closed and the birds were named well enough."""
        return self.account.closed and self.accuracy >= ENOUGH_ACCURACY


def render(report: DemoReport) -> RenderableType:
    """Draw the report."""
    parts = (
        _account(report),
        _accuracy(report),
        _speed(report),
        _reasons(report.rejected.values()),
        _end(report),
    )
    return Group("", *(Padding(part, (0, 0, 1, 2)) for part in parts))


def _account(report: DemoReport) -> RenderableType:
    account = report.account
    lines = _grid(3)
    what = f"{len(report.birds)} penguins: {', '.join(each.name for each in report.phases)}"
    lines.add_row("published", str(account.published), Text(what, style="dim"))
    lines.add_row("predicted", str(account.predicted), "")
    lines.add_row("rejected", str(account.rejected), Text("each with every reason, below", style="dim"))
    lines.add_row("lost", _zero(account.lost), _ids(account.lost))
    wrong = _ids([each.reading_id for each in account.wrong])
    lines.add_row(
        "wrong", _zero(account.wrong), wrong or Text("compared with the model asked directly", style="dim")
    )
    lines.add_row("unknown", _zero(account.unknown), _ids(account.unknown))
    lines.add_row("duplicated", str(len(account.duplicated)), _ids(account.duplicated))
    sums = f"{account.published} = {account.predicted} + {account.rejected} + {len(account.lost)}"
    verdict = "The account closes" if account.closed else "The account does not close"
    style = "bold green" if account.closed else "bold red"
    return Group(_title("Every reading"), lines, Text.assemble((verdict, style), f": {sums}."))


def _accuracy(report: DemoReport) -> RenderableType:
    confusion = report.confusion
    right = round(report.accuracy * confusion.total())
    style = "bold green" if report.accuracy >= ENOUGH_ACCURACY else "bold red"
    said = Text.assemble(
        (f"{report.accuracy:.1%}", style), f": {right} of {confusion.total()} named as the observers did."
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("observed \\ predicted", style="dim")
    for species in SPECIES:
        table.add_column(species, justify="right")
    for observed in SPECIES:
        table.add_row(
            observed, *(_cell(confusion[observed, named], right=observed == named) for named in SPECIES)
        )
    seen = (
        f"The model learned from these birds; of unseen ones it names {report.unseen_accuracy:.1%} rightly."
    )
    return Group(_title("Accuracy"), said, Text(seen, style="dim"), table)


def _cell(count: int, *, right: bool) -> Text:
    if count == 0:
        return Text("·", style="dim")
    return Text(str(count), style="green" if right else "yellow")


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
        seen = each.batches
        counts = (each.messages, seen.readings, seen.batches)
        phases.add_row(each.name, *map(str, counts), f"{seen.mean:.1f}", f"{each.rate:,.0f}")
    return Group(_title(f"Speed over {report.broker}"), ages, phases)


def _times(seen: Latency) -> tuple[str, str]:
    return f"p50 {seen.p50_s * 1000:.0f} ms", f"p99 {seen.p99_s * 1000:.0f} ms"


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
    gone = ", gone with this run" if report.venue.fleeting else ""
    lines.add_row("predictions", Text(f"{_place(report.venue.results)}{gone}"))
    lines.add_row("rejections", Text(f"{_place(report.venue.rejects)}{gone}"))
    if report.folders.logs.exists():
        lines.add_row("logs", Text(str(report.folders.logs)))
    return lines


def _place(address: str) -> str:
    """An address as a person would write it: a folder by its path, from here where it lies below."""
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
