"""`rookery load`: a swarm at a target, from the first bird to a closed account and a report."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from rich.console import Console

from load.bench.machine import provenance
from load.birds import COUNT, KnownBirds
from load.record import Record, RunFolder
from load.report_page import write_page
from rookery import oracle
from rookery.birds import Bird
from rookery.errors import INTERRUPTED, NOT_GOOD, Trouble
from rookery.leaving import leaving
from rookery.loading.closing import Closing
from rookery.loading.order import Target, checked
from rookery.loading.place import placed
from rookery.loading.sampler import Sampler
from rookery.loading.swarming import Swarming
from rookery.loading.told import render
from rookery.stage import Folders
from schemas.permissions import make_folder

if TYPE_CHECKING:
    from typing import Any

    from rich.status import Status

    from rookery.loading.order import Order

_SEED = 7


def run(order: Order, console: Console | None = None) -> int:
    """Run it and print what came of it; returns the exit code (1: the account does not close), raises Trouble."""
    out = console or Console(highlight=False)
    folder = RunFolder(checked(order).place())
    try:
        make_folder(folder.root)
        (folder.root / "logs").mkdir()
    except OSError as error:
        raise Trouble(
            f"{folder.root} cannot be made: {error.strerror}", hint="--out names another."
        ) from error
    try:
        with leaving(), out.status("Starting") as status:
            record = _play(order, folder, status)
    except KeyboardInterrupt:
        raise Trouble(
            "Interrupted; everything that was started has ended.",
            hint=f"Its files: {folder.root}",
            code=INTERRUPTED,
        ) from None
    write_page(folder)
    out.print(render(record, folder))
    return 0 if record.books.closed else NOT_GOOD


def _play(order: Order, folder: RunFolder, status: Status) -> Record:
    """Know the birds, start the place, let the swarm at it, wait, let the worker drain, close the account."""
    known_birds().save(folder.birds)
    began, where = datetime.now(UTC), provenance()
    with ExitStack() as stack:
        place = stack.enter_context(placed(order, Folders(folder.root)))
        stack.enter_context(Sampler(place, folder.samples))
        swarming, started = Swarming(order, place, folder), time.monotonic()
        status.update(f"{order.shape} at the {order.target.value}")
        swarming.run(place.check)
        seconds = time.monotonic() - started
        closing = Closing(folder.journal, place.venue, late_after_s=order.late_after_s)

        def meanwhile(missing: int) -> None:
            place.check()
            status.update(f"{missing:,} readings under way")

        settled_s = closing.settle(order, meanwhile)
        status.update("Ending worker and broker")
        place.end_worker()
        closed = closing.close(alone=order.target is not Target.PRODUCTION)
    record = Record(
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


def known_birds() -> KnownBirds:
    """Birds with the species that the worker's own model says they are, asked here; raises Trouble."""
    birds = KnownBirds.seeded(_SEED, COUNT)
    asked = [Bird(number, fields, species="", measured=True) for number, fields in enumerate(birds.fields)]
    answers = oracle.ask(asked).answers
    return KnownBirds(birds.fields, [answers[number] for number in range(len(asked))])


def _known(where: dict[str, Any], order: Order) -> dict[str, Any]:
    """Where the figures come from, with the command that gives them again."""
    return {
        **where,
        "command": " ".join(_words(order)),
        "versions": {**where["versions"], "locust": version("locust")},
    }


def _words(order: Order) -> list[str]:
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
