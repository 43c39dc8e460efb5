"""`rookery plan`: from the options to a page and a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from rookery.capacity.monthly_page import idle_sentence, monthly_rows
from rookery.capacity.page import drawn, page, table
from rookery.capacity.plan import PlanRequest, ask, load_of, months
from rookery.errors import UserError
from rookery.load.simulation.prices import UnknownRegionError, prices

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.load.simulation.monthly import CloudDeployment
    from rookery.load.simulation.prices import Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """The options of `rookery plan`."""

    rate: float
    reading_bytes: int
    shape: str
    seconds: float
    rows: int
    egress_share: float
    deployment: CloudDeployment

    def question(self) -> PlanRequest:
        """The same as a question; raises UserError where it contradicts itself."""
        if self.deployment.min_instances > self.deployment.max_instances:
            raise UserError("--min-instances is more than --max-instances.")
        return PlanRequest(
            rate=self.rate,
            reading_bytes=self.reading_bytes,
            shape=self.shape,
            seconds=self.seconds,
            rows=self.rows,
            egress_share=self.egress_share,
            deployment=self.deployment,
        )


def prices_in(region: str) -> Prices:
    """Read the prices of a region; raises UserError for an unknown one."""
    try:
        return prices(region)
    except UnknownRegionError as unknown:
        raise UserError(f"{unknown}", hint="--region names one that has.") from None


def run(wanted: PlanOptions, out: Path, console: Console | None = None) -> None:
    """Simulate, print, and write the page; raises UserError."""
    screen = console or Console(highlight=False)
    question, known = wanted.question(), prices_in(wanted.deployment.region)
    with screen.status("Simulating"):
        answers = ask(question, known)
    ways = months(question, known)
    try:
        out.write_text(page(question, answers, ways, known), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}", hint="--out names another.") from error
    own, bill = ways[0]
    screen.print(idle_sentence(own, bill, known), soft_wrap=True)
    screen.print(f"\nA month of {question.rate:,.0f} single readings a second:\n", soft_wrap=True)
    screen.print(drawn(monthly_rows(ways, load_of(question), known)))
    screen.print(f"\nThe {question.shape} of {question.seconds:g} s:\n")
    screen.print(table(answers))
    screen.print(f"\n{out}", style="dim")
