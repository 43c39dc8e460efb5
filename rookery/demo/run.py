"""`rookery demo`: a data set over real processes, from publication to reconciliation."""

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

from rookery.data import SHIPPED
from rookery.dataset.datasets import dataset
from rookery.dataset.expected_answers import expected_answers
from rookery.demo.report import DemoReport, Phase, render
from rookery.demo.results_tracker import ResultsTracker
from rookery.demo.traffic import Traffic
from rookery.environment.local import Folders, staged
from rookery.environment.results_location import REMOTE
from rookery.environment.stats_client import acknowledged_after, batches
from rookery.errors import EXIT_FAILED, EXIT_INTERRUPTED, UserError
from rookery.load.accounting.ledger import Ledger
from rookery.load.signals import signals_interrupt
from rookery.schemas.output.permissions import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.status import Status

    from rookery.environment.local import LocalEnvironment

SETTLES_WITHIN_S: Final = 60.0
"""Seconds that one phase may wait for its results; Google's emulator pushes only two messages at a time."""

_PAGE_SETTINGS: Final = {"ROOKERY_FEATURE_SAMPLE_ROWS": "64"}
"""A page over so few readings shows more of each batch than the worker's usual sample."""
_COUNTED_WITHIN_S: Final = 2.0
_LOOKS_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The options of `rookery demo`."""

    dataset: str = SHIPPED
    results: str | None = None
    emulator: str | None = None
    pull: bool = False
    seed: int = 1
    keep_logs: bool = False
    show: bool = False


def run(plan: DemoOptions, console: Console | None = None) -> int:
    """Run the demo and print its report; returns the exit code, raises UserError."""
    out = console or Console(highlight=False)
    remote = plan.results is not None and plan.results.startswith(REMOTE)
    if plan.results is not None and "://" in plan.results and not remote:
        raise UserError(
            f"--results {plan.results}: a folder, gs://bucket/prefix or pubsub://project/topic is needed."
        )
    folder = None if remote else plan.results
    folders = Folders(Path(folder or f"demo-{datetime.now().astimezone():%Y%m%d-%H%M%S}"))
    try:
        make_folder(folders.logs)
    except OSError as error:
        raise UserError(
            f"{folders.root} cannot be made: {error.strerror}", hint="--results names another."
        ) from error
    with ExitStack() as pages:
        try:
            with signals_interrupt(), out.status("Starting broker and worker") as status:
                report = play(
                    plan,
                    folders,
                    status,
                    on_stage=lambda stage: _show(plan, stage, folders, pages, out),
                    on_report=lambda report, stage: _stay(plan, report, stage, status, out),
                )
        except KeyboardInterrupt:
            raise UserError(
                "Interrupted; broker and worker have ended.",
                hint=f"Their logs: {folders.logs}",
                code=EXIT_INTERRUPTED,
            ) from None
    if report.good and not report.keeps_logs:
        shutil.rmtree(folders.logs)
        if remote:
            folders.root.rmdir()
    if not plan.show:
        out.print(render(report))
    return 0 if report.good else EXIT_FAILED


def _show(
    plan: DemoOptions, stage: LocalEnvironment, folders: Folders, pages: ExitStack, out: Console
) -> None:
    """Open the page where `--open` asks for it; it outlives the stage."""
    if not plan.show:
        return
    from rookery.watch.process import shown  # noqa: PLC0415  only with --open

    page = shown(stage, folders.root, folders.logs)
    pages.callback(page.stop)
    out.print(f"The page: {page.address()}")


def _stay(
    plan: DemoOptions, report: DemoReport, stage: LocalEnvironment, status: Status, out: Console
) -> None:
    """Print the report, and keep the page's broker and worker where there is a page, until Ctrl-C."""
    if not plan.show:
        return
    status.stop()
    out.print(render(report))
    # One line, whatever the terminal's width: it is there to be copied.
    out.print("The page, broker and worker stay until Ctrl-C. To publish readings of your own to them:")
    out.print(
        f"  rookery publish file FILE --broker {stage.broker} --topic {stage.route.topic}", soft_wrap=True
    )
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def play(
    plan: DemoOptions,
    folders: Folders,
    status: Status,
    *,
    on_stage: Callable[[LocalEnvironment], None] = lambda _: None,
    on_report: Callable[[DemoReport, LocalEnvironment], None] = lambda *_: None,
) -> DemoReport:
    """Send the readings phase by phase, wait for the results of each, and reconcile; the processes end with it.

    `on_stage` is called once broker and worker run, `on_report` before they end.
    """
    status.update(f"Reading the data set {plan.dataset}")
    chosen, ledger = dataset(plan.dataset, folders.root), Ledger()
    readings = chosen.readings
    status.update("Starting broker and worker")
    settings = _PAGE_SETTINGS if plan.show else {}
    with staged(
        folders,
        where=plan.results,
        emulator=plan.emulator,
        model=chosen.model,
        settings=settings,
        pull=plan.pull,
    ) as stage:
        on_stage(stage)
        location = stage.location
        results = ResultsTracker(
            location.predictions, location.rejections, ledger, poll_interval_s=location.poll_interval_s
        )
        expected = expected_answers(readings, chosen.model)
        traffic = Traffic(stage.publisher, ledger, answers=expected.answers, contract=chosen.contract)
        senders = {
            "one by one": lambda: traffic.singles(readings),
            "in tables": lambda: traffic.tables(readings),
            "malformed": lambda: traffic.malformed(plan.seed),
        }
        if plan.pull or not plan.emulator:
            # Google's emulator pushes two messages at a time, whatever its backlog: it cannot deliver a burst.
            senders["burst"] = lambda: traffic.burst(readings)
        phases = [_phase(name, send, stage, results, status) for name, send in senders.items()]
        acknowledged = acknowledged_after(stage.broker, stage.route.subscription)
        if not plan.show:
            # No result can come after the account then; a page shows broker and worker as they are.
            status.update("Ending broker and worker")
            stage.end_worker()
        results.gather()
        report = DemoReport(
            dataset=chosen,
            phases=phases,
            account=ledger.close(),
            predicted=results.predicted,
            rejected=results.rejected,
            expected_accuracy=expected.expected_accuracy,
            training_accuracy=expected.training_accuracy,
            acknowledged=acknowledged,
            location=location,
            folders=folders,
            broker=_broker(plan),
            keeps_logs=plan.keep_logs,
        )
        on_report(report, stage)
    return report


def _broker(plan: DemoOptions) -> str:
    broker = f"Google's emulator at {plan.emulator}" if plan.emulator else "the embedded broker"
    return f"{broker}, pulled" if plan.pull else broker


def _phase(
    name: str, send: Callable[[], int], stage: LocalEnvironment, results: ResultsTracker, status: Status
) -> Phase:
    """Send, and wait until every reading has its result, or the time is up."""

    def meanwhile(missing: int) -> None:
        stage.check()
        status.update(f"Readings {name}: {missing} in flight")

    before, known, began = batches(stage.worker), results.count, time.monotonic()
    messages = send()
    results.wait(SETTLES_WITHIN_S, meanwhile=meanwhile)
    seconds = time.monotonic() - began
    # A worker counts a batch after its lines are durable: what was read may not be counted yet.
    found, until = results.count - known, time.monotonic() + _COUNTED_WITHIN_S
    while (counted := batches(stage.worker).since(before)).readings < found and time.monotonic() < until:
        time.sleep(_LOOKS_EVERY_S)
    return Phase(name=name, messages=messages, seconds=seconds, batches=counted)
