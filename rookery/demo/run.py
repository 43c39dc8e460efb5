"""`rookery demo`: real penguins over real processes, from publication to a closed account."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from rookery.dataset import expected_answers as oracle
from rookery.dataset.readings import flock
from rookery.demo.report import DemoReport, Phase, render
from rookery.demo.results_tracker import ResultsTracker
from rookery.demo.traffic import Traffic
from rookery.environment.local import Folders, staged
from rookery.environment.results_location import AFAR
from rookery.environment.signals import leaving
from rookery.environment.stats_client import acknowledged_after, batches
from rookery.errors import INTERRUPTED, NOT_GOOD, UserError
from rookery.load.accounting.ledger import Ledger
from rookery.schemas.output.permissions import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.status import Status

    from rookery.environment.local import LocalEnvironment

SETTLES_WITHIN_S: Final = 60.0
"""How long the account of one phase may stay open; Google's emulator pushes only two messages at a time."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the user asked for; see `rookery demo --help`."""

    results: str | None = None
    emulator: str | None = None
    seed: int = 1
    keep: bool = False
    show: bool = False


def run(plan: DemoOptions, console: Console | None = None) -> int:
    """Run the demo and print its report; returns the exit code, raises UserError."""
    out = console or Console(highlight=False)
    afar = plan.results is not None and plan.results.startswith(AFAR)
    here = None if afar else plan.results
    folders = Folders(Path(here or f"demo-{datetime.now().astimezone():%Y%m%d-%H%M%S}"))
    try:
        make_folder(folders.logs)
    except OSError as error:
        raise UserError(
            f"{folders.root} cannot be made: {error.strerror}", hint="--results names another."
        ) from error
    with ExitStack() as pages:
        try:
            with leaving(), out.status("Starting broker and worker") as status:
                report = play(
                    plan, folders, status, on_stage=lambda stage: _show(plan, stage, folders, pages, out)
                )
        except KeyboardInterrupt:
            raise UserError(
                "Interrupted; broker and worker have ended.",
                hint=f"Their logs: {folders.logs}",
                code=INTERRUPTED,
            ) from None
        _finish(plan, folders, report, afar=afar)
        out.print(render(report))
        if plan.show:
            out.print("The page stays open; Ctrl-C ends it.")
            with suppress(KeyboardInterrupt), leaving():
                threading.Event().wait()
    return 0 if report.good else NOT_GOOD


def _show(
    plan: DemoOptions, stage: LocalEnvironment, folders: Folders, pages: ExitStack, out: Console
) -> None:
    """Open the page where it is asked for; it outlasts the stage."""
    if not plan.show:
        return
    from rookery.watch.process import shown  # noqa: PLC0415  only where it is asked for

    page = shown(stage, folders.root, folders.logs)
    pages.callback(page.end)
    out.print(f"The page: {page.address()}")


def _finish(plan: DemoOptions, folders: Folders, report: DemoReport, *, afar: bool) -> None:
    """Clear away what nobody needs after a good run."""
    if report.good and not plan.keep:
        shutil.rmtree(folders.logs)
        if afar:
            folders.root.rmdir()


def play(
    plan: DemoOptions,
    folders: Folders,
    status: Status,
    *,
    on_stage: Callable[[LocalEnvironment], None] = lambda _: None,
) -> DemoReport:
    """Send the birds phase by phase, wait for each to settle, end the processes, and close the account.

    `on_stage` is called once broker and worker are there.
    """
    birds, ledger = flock(), Ledger()
    with staged(folders, where=plan.results, emulator=plan.emulator) as stage:
        on_stage(stage)
        venue = stage.venue
        verdicts = ResultsTracker(
            venue.predictions, venue.rejections, ledger, look_every_s=venue.look_every_s
        )
        told = oracle.ask(birds)
        traffic = Traffic(stage.publisher, ledger, answers=told.answers)
        journeys = {
            "one by one": lambda: traffic.singles(birds),
            "in tables": lambda: traffic.tables(birds),
            "spoilt": lambda: traffic.spoilt(plan.seed),
        }
        if not plan.emulator:
            # Google's emulator pushes two messages at a time, whatever waits: a rush is none there.
            journeys["in a rush"] = lambda: traffic.rush(birds)
        phases = [_phase(name, send, stage, verdicts, status) for name, send in journeys.items()]
        acknowledged = acknowledged_after(stage.broker, stage.route.subscription)
        status.update("Ending broker and worker")
        stage.end_worker()
        verdicts.gather()
    return DemoReport(
        birds=birds,
        phases=phases,
        account=ledger.close(),
        predicted=verdicts.predicted,
        rejected=verdicts.rejected,
        unseen_accuracy=told.unseen_accuracy,
        acknowledged=acknowledged,
        venue=venue,
        folders=folders,
        broker=f"Google's emulator at {plan.emulator}" if plan.emulator else "the embedded broker",
    )


def _phase(
    name: str, send: Callable[[], int], stage: LocalEnvironment, verdicts: ResultsTracker, status: Status
) -> Phase:
    """Send, and wait until everything sent has its verdict, or too long."""

    def meanwhile(missing: int) -> None:
        stage.check()
        status.update(f"Penguins {name}: {missing} under way")

    before, began = batches(stage.worker), time.monotonic()
    messages = send()
    verdicts.wait(SETTLES_WITHIN_S, meanwhile=meanwhile)
    seconds = time.monotonic() - began
    return Phase(name=name, messages=messages, seconds=seconds, batches=batches(stage.worker).since(before))
