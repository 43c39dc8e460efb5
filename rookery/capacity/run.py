"""`rookery plan`: from the options to a page and a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from rookery.capacity.page import page, table
from rookery.capacity.plan import PlanRequest, ask
from rookery.errors import UserError
from rookery.load.simulation.fleet import Platform
from rookery.load.simulation.prices import prices

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """The options of `rookery plan`."""

    rate: float
    reading_bytes: int
    shape: str
    seconds: float
    rows: int
    concurrency: int
    min_instances: int
    max_instances: int
    vcpu: float
    gib: float

    def question(self) -> PlanRequest:
        """The same as a question; raises UserError where it contradicts itself."""
        if self.min_instances > self.max_instances:
            raise UserError("--min-instances is more than --max-instances.")
        return PlanRequest(
            rate=self.rate,
            reading_bytes=self.reading_bytes,
            shape=self.shape,
            seconds=self.seconds,
            rows=self.rows,
            vcpu=self.vcpu,
            gib=self.gib,
            platform=Platform(
                concurrency=self.concurrency,
                min_instances=self.min_instances,
                max_instances=self.max_instances,
            ),
        )


def run(wanted: PlanOptions, out: Path, console: Console | None = None) -> None:
    """Simulate, print, and write the page; raises UserError."""
    screen = console or Console(highlight=False)
    question, known = wanted.question(), prices()
    with screen.status("Simulating"):
        answers = ask(question, known)
    try:
        out.write_text(page(question, answers, known), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}", hint="--out names another.") from error
    screen.print(table(answers))
    screen.print(f"\n{out}", style="dim")
