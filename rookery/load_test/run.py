"""`rookery load`: a swarm at a target, from the first bird to a closed account and a report."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from rich.console import Console

from rookery.dataset import expected_answers as oracle
from rookery.dataset.readings import ShippedReading
from rookery.environment.local import Folders
from rookery.environment.signals import leaving
from rookery.errors import INTERRUPTED, NOT_GOOD, UserError
from rookery.load.report.page import write_page
from rookery.load.report.provenance import provenance
from rookery.load.report.run_folder import RunFolder, RunRecord
from rookery.load.swarm.dataset import COUNT, KnownReadings
from rookery.load_test.options import LoadTarget, checked
from rookery.load_test.sampler import Sampler
from rookery.load_test.settlement import Settlement
from rookery.load_test.summary import render
from rookery.load_test.swarm_process import SwarmProcess
from rookery.load_test.target import placed
from rookery.schemas.output.permissions import make_folder

if TYPE_CHECKING:
    from typing import Any

    from rich.status import Status

    from rookery.load_test.options import LoadOptions

_SEED = 7


def run(order: LoadOptions, console: Console | None = None) -> int:
    """Run it and print what came of it; returns the exit code (1: the account does not close), raises UserError."""
    out = console or Console(highlight=False)
    folder = RunFolder(checked(order).place())
    try:
        make_folder(folder.root)
        (folder.root / "logs").mkdir()
    except OSError as error:
        raise UserError(
            f"{folder.root} cannot be made: {error.strerror}", hint="--out names another."
        ) from error
    try:
        with leaving(), out.status("Starting") as status:
            record = _play(order, folder, status)
    except KeyboardInterrupt:
        raise UserError(
            "Interrupted; everything that was started has ended.",
            hint=f"Its files: {folder.root}",
            code=INTERRUPTED,
        ) from None
    write_page(folder)
    out.print(render(record, folder))
    return 0 if record.books.closed else NOT_GOOD


def _play(order: LoadOptions, folder: RunFolder, status: Status) -> RunRecord:
    """Know the birds, start the place, let the swarm at it, wait, let the worker drain, close the account."""
    known_birds().save(folder.birds)
    began, where = datetime.now(UTC), provenance()
    with ExitStack() as stack:
        place = stack.enter_context(placed(order, Folders(folder.root)))
        stack.enter_context(Sampler(place, folder.samples))
        swarming, started = SwarmProcess(order, place, folder), time.monotonic()
        status.update(f"{order.shape} at the {order.target.value}")
        swarming.run(place.check)
        seconds = time.monotonic() - started
        closing = Settlement(folder.journal, place.venue, late_after_s=order.late_after_s)

        def meanwhile(missing: int) -> None:
            place.check()
            status.update(f"{missing:,} readings under way")

        settled_s = closing.settle(order, meanwhile)
        status.update("Ending worker and broker")
        place.end_worker()
        closed = closing.close(alone=order.target is not LoadTarget.PRODUCTION)
    record = RunRecord(
        shape=order.shape,
        target=order.target.value,
        began=began.strftime("%Y-%m-%d %H:%M:%S UTC"),
        seconds=seconds,
        settled_s=settled_s,
        late_after_s=order.late_after_s,
        books=closed,
        species=dict(closing.species),
        rows=swarming.rows,
        complaints=swarming.complaints,
        provenance=_known(asdict(where), order),
        wishes=swarming.wishes,
    )
    folder.write(record)
    return record


def known_birds() -> KnownReadings:
    """Birds with the species that the worker's own model says they are, asked here; raises UserError."""
    birds = KnownReadings.seeded(_SEED, COUNT)
    asked = [
        ShippedReading(number, fields, species="", measured=True)
        for number, fields in enumerate(birds.fields)
    ]
    answers = oracle.ask(asked).answers
    return KnownReadings(birds.fields, [answers[number] for number in range(len(asked))])


def _known(where: dict[str, Any], order: LoadOptions) -> dict[str, Any]:
    """Where the figures come from, with the command that gives them again."""
    return {
        **where,
        "command": " ".join(_words(order)),
        "versions": {**where["versions"], "locust": version("locust")},
    }


def _words(order: LoadOptions) -> list[str]:
    options = {
        "shape": order.shape,
        "target": order.target.value,
        "seconds": order.wishes.get("seconds"),
        "peak": order.wishes.get("peak"),
        "cap": order.cap,
        "drop-one-in": order.drop_one_in,
        "project": order.remote.project,
    }
    given = (f"--{name} {value}" for name, value in options.items() if value is not None)
    return ["rookery load", *given]
