"""A trial of pull: single readings through one stream into files, with the worker's memory and CPU on the way.

python -m tools.pulls.trial --rows 1000000
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import grpc
import psutil
import typer
from google.pubsub_v1 import types

from rookery.environment.local import Folders, staged
from rookery.errors import EXIT_DEFECT, EXIT_FAILED, UserError
from rookery.load.footprint import Footprint, Growth, footprint, growth
from rookery.schemas.testing import ReadingFactory
from tools.bulk_trial import TrialOutcome, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rookery.environment.local import LocalEnvironment

STEM: Final = "pulled"
WARM_UP: Final = 0.4
"""The share of the readings in which memory may grow: the worker remembers the latest 200,000 ids."""

_TOGETHER: Final = 1_000
"""Messages in one publish request."""

_MOST_AHEAD: Final = 20_000
"""Messages that the broker may hold, so that its memory is bounded too."""

_KINDS: Final = 5_000
_ANSWERS_WITHIN_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.02


@dataclass(slots=True)
class PullTrialOutcome:
    """The readings that were found, and the worker's footprint and CPU time as the acknowledgements went on."""

    found: TrialOutcome = field(default_factory=TrialOutcome)
    footprints: list[Footprint] = field(default_factory=list)
    seconds: float = 0.0
    reading_cpu: float = 0.0
    """CPU seconds of the worker for a reading, after the warm-up: without imports and the compiled forest."""

    rows: int = 0

    @property
    def growth(self) -> Growth | None:
        """Of the worker's memory after the warm-up."""
        return growth(self.footprints, warm_up=WARM_UP)

    @property
    def good(self) -> bool:
        """Whether every reading is one prediction, and memory is flat."""
        counts = (self.found.readings, self.found.others)
        return counts == (self.rows, 0) and not (self.growth is None or self.growth.leaks)

    def lines(self) -> Iterator[str]:
        """The outcome for a terminal."""
        found, tenth = self.found, max(1, len(self.footprints) // 10)
        yield f"{self.rows} readings: {found.readings} predicted, {found.others} others, {found.repeated} duplicate lines"
        yield (
            f"{self.seconds:.1f} s, {self.rows / self.seconds:,.0f} readings/s;"
            f" worker {self.reading_cpu * 1e6:.1f} us of CPU a reading"
        )
        resident = " ".join(f"{each.resident / 1e6:.0f}" for each in self.footprints[::tenth])
        yield f"resident MB of the worker over time: {resident}"


def run(stage: LocalEnvironment, rows: int) -> PullTrialOutcome:
    """Publish so many readings, each a message, and read their results; raises UserError."""
    outcome = PullTrialOutcome(rows=rows)
    worker = psutil.Process(stage.children[0].pid)
    began = time.monotonic()
    with _publishing(stage) as publish:
        for first in range(0, rows, _TOGETHER):
            publish(range(first, min(first + _TOGETHER, rows)))
            while first + _TOGETHER - _acked(stage) > _MOST_AHEAD:
                time.sleep(_LOOK_EVERY_S)
            stage.check()
            outcome.footprints.append(footprint(worker.pid))
            if first < WARM_UP * rows:
                warm_rows, warm_cpu = _acked(stage), _cpu_seconds(worker)
    while _acked(stage) < rows:
        stage.check()
        time.sleep(_LOOK_EVERY_S)
    outcome.seconds = time.monotonic() - began
    outcome.reading_cpu = (_cpu_seconds(worker) - warm_cpu) / (rows - warm_rows)
    outcome.found = read(stage, STEM, rows=rows, expected=rows)
    return outcome


@contextmanager
def _publishing(stage: LocalEnvironment) -> Iterator[Callable[[range], None]]:
    """Give a function that publishes numbered readings over gRPC, a thousand for the price of ten of a client's."""
    factory = ReadingFactory(seed=5)
    heads = [json.dumps(factory.fields()).removesuffix("}") for _ in range(_KINDS)]
    request: Any = types.PublishRequest.pb()

    def payloads(numbers: Sequence[int]) -> list[dict[str, bytes]]:
        return [
            {"data": f'{heads[each % _KINDS]}, "reading_id": "{STEM}-{each}"}}'.encode()} for each in numbers
        ]

    with grpc.insecure_channel(stage.broker) as channel:
        call = channel.unary_unary(
            "/google.pubsub.v1.Publisher/Publish",
            request_serializer=request.SerializeToString,
            response_deserializer=types.PublishResponse.pb().FromString,
        )
        yield lambda numbers: call(request(topic=stage.route.topic, messages=payloads(numbers)))


def _acked(stage: LocalEnvironment) -> int:
    with urllib.request.urlopen(f"http://{stage.broker}/stats", timeout=_ANSWERS_WITHIN_S) as answer:
        return int(json.load(answer)["subscriptions"][stage.route.subscription]["acked"])


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main(
    *,
    rows: Annotated[int, typer.Option(min=1_000)] = 1_000_000,
    push: Annotated[bool, typer.Option("--push", help="Push, for comparison.")] = False,
    work_dir: Annotated[Path | None, typer.Option(help="Folder to keep.")] = None,
) -> None:
    """Send so many readings through one stream; exit code 0 where all are accounted for and memory is flat."""
    root = work_dir or Path(tempfile.mkdtemp(prefix="rookery-pull-"))
    try:
        with staged(Folders(root), pull=not push) as stage:
            outcome = run(stage, rows)
    except UserError as error:
        typer.echo(f"rookery: {error}\n  {error.hint}", err=True)
        raise typer.Exit(EXIT_DEFECT) from None
    finally:
        if work_dir is None:
            shutil.rmtree(root)
    for line in outcome.lines():
        typer.echo(line)
    raise typer.Exit(0 if outcome.good else EXIT_FAILED)


if __name__ == "__main__":
    typer.run(main)
