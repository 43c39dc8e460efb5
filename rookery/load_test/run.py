"""`rookery load`: a swarm at a target, from the first published reading to a passed reconciliation and a report."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from rich.console import Console

from rookery.dataset.expected_answers import expected_answers
from rookery.dataset.readings import KnownReading
from rookery.environment.local import Folders
from rookery.errors import EXIT_FAILED, EXIT_INTERRUPTED, UserError
from rookery.load.report.page import write_page
from rookery.load.report.provenance import provenance
from rookery.load.report.run_folder import RunFolder, RunRecord
from rookery.load.signals import signals_interrupt
from rookery.load.swarm.dataset import COUNT, KnownReadings
from rookery.load_test.options import LoadTarget, checked
from rookery.load_test.price import price_sentence
from rookery.load_test.sampler import Sampler
from rookery.load_test.settlement import Settlement
from rookery.load_test.summary import render
from rookery.load_test.swarm_process import SwarmProcess
from rookery.load_test.target import started
from rookery.publisher.contracts import compiled_of
from rookery.schemas.contract.contract import InvalidContractError
from rookery.schemas.contract.source import ContractUnreachableError
from rookery.schemas.output.permissions import make_folder

if TYPE_CHECKING:
    from typing import Any

    from rich.status import Status

    from rookery.load_test.options import LoadOptions

_SEED = 7


def run(options: LoadOptions, console: Console | None = None) -> int:
    """Run it and print the summary; returns the exit code (1: reconciliation failed), raises UserError."""
    out = console or Console(highlight=False)
    folder = RunFolder(checked(options).output_folder())
    if options.target is LoadTarget.PRODUCTION:
        out.print(price_sentence(options, options.remote.deployment), soft_wrap=True)
    try:
        make_folder(folder.root)
        (folder.root / "logs").mkdir()
    except OSError as error:
        raise UserError(
            f"{folder.root} cannot be made: {error.strerror}", hint="--out names another."
        ) from error
    try:
        with signals_interrupt(), out.status("Starting") as status:
            record = _play(options, folder, status)
    except KeyboardInterrupt:
        raise UserError(
            "Interrupted; everything that was started has ended.",
            hint=f"Files: {folder.root}",
            code=EXIT_INTERRUPTED,
        ) from None
    write_page(folder)
    out.print(render(record, folder))
    return 0 if record.books.closed else EXIT_FAILED


def _play(options: LoadOptions, folder: RunFolder, status: Status) -> RunRecord:
    """Start the target, run the swarm, wait for its results, drain the worker, and reconcile the ledger."""
    known_readings().save(folder.readings)
    began, origin = datetime.now(UTC), provenance()
    with ExitStack() as stack:
        target = stack.enter_context(started(options, Folders(folder.root)))
        stack.enter_context(Sampler(target, folder.samples))
        swarm, began_at = SwarmProcess(options, target, folder), time.monotonic()
        status.update(f"{options.shape} at the {options.target.value}")
        swarm.run(target.check)
        seconds = time.monotonic() - began_at
        settlement = Settlement(folder.published_log, target.location, late_after_s=options.late_after_s)

        def meanwhile(missing: int) -> None:
            target.check()
            status.update(f"{missing:,} readings in flight")

        settled_s = settlement.settle(options, meanwhile)
        status.update("Ending worker and broker")
        target.end_worker()
        closed = settlement.close(alone=options.target is not LoadTarget.PRODUCTION)
    record = RunRecord(
        shape=options.shape,
        target=options.target.value,
        began=began.strftime("%Y-%m-%d %H:%M:%S UTC"),
        seconds=seconds,
        settled_s=settled_s,
        late_after_s=options.late_after_s,
        books=closed,
        labels=dict(settlement.labels),
        rows=swarm.rows,
        complaints=swarm.complaints,
        provenance=_reproducible(asdict(origin), options),
        swarm_settings=swarm.environment,
    )
    folder.write(record)
    return record


def known_readings() -> KnownReadings:
    """Readings with the label that the worker's own model predicts for them; raises UserError."""
    model = os.environ.get("ROOKERY_MODEL")
    try:
        contract = compiled_of(model)
    except (InvalidContractError, ContractUnreachableError) as error:
        raise UserError(f"{error}.", hint="`rookery model verify` says whether a model is good.") from None
    seeded = KnownReadings.seeded(_SEED, COUNT, contract=contract)
    readings = [
        KnownReading(number, fields, label="", complete=True) for number, fields in enumerate(seeded.fields)
    ]
    answers = expected_answers(readings).answers
    return KnownReadings(seeded.fields, [answers[number] for number in range(len(readings))])


def _reproducible(origin: dict[str, Any], options: LoadOptions) -> dict[str, Any]:
    """The provenance of the figures, with the command that reproduces them."""
    return {
        **origin,
        "command": " ".join(_command_line(options)),
        "versions": {**origin["versions"], "locust": version("locust")},
    }


def _command_line(options: LoadOptions) -> list[str]:
    values = {
        "shape": options.shape,
        "target": options.target.value,
        "seconds": options.swarm_settings.get("seconds"),
        "max-users": options.swarm_settings.get("max_users"),
        "max-messages": options.max_messages,
        "fault-drop": options.fault_drop,
        "project": options.remote.project,
    }
    given = (f"--{name} {value}" for name, value in values.items() if value is not None)
    return ["rookery load", *given]
