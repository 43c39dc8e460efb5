"""`python -m tools.load_report`: run the four shapes, or take runs that are there, and write docs/load-report.md."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from rookery.capacity.page import premises, rows_of
from rookery.capacity.plan import PlanRequest, ask
from rookery.errors import EXIT_FAILED
from rookery.load.report.document import document
from rookery.load.report.run_folder import RunFolder
from rookery.load.simulation.monthly import CloudDeployment
from rookery.load.simulation.prices import prices
from rookery.load_test.options import LoadOptions
from rookery.load_test.run import run

_ROOT: Final = Path(__file__).parents[1]
_DOCUMENT: Final = _ROOT / "docs" / "load-report.md"
_SHAPES: Final = ("baseline", "normal", "stress", "spike")
_PLANNED: Final = PlanRequest(
    rate=50_000, reading_bytes=200, shape="spike", seconds=40, deployment=CloudDeployment(max_instances=100)
)

_INTRODUCTION: Final = """# Load, measured and planned

Written by `make load-report` from the raw data of the runs; nothing here is typed by hand but the paragraphs on Cloud
Run. Each run publishes over REST, waits until everything is durable, and compares what was published with what was
found. "Publication to durable" is watched in the sink's own files, which are polled every 25 ms, on up to 200
readings a second; it includes the wait in the broker.
"""

_CLOUD_RUN: Final = """## How Cloud Run would change it

- *Cold starts.* Here one worker is always there. From nothing, the first readings wait for a container's start, and
  further ones join them: the backlog at the left of the plan's plots. One minimum instance takes that away, and costs
  an idle instance around the clock.
- *Concurrency.* One worker answers whatever the window allows, and groups it: larger groups make each reading cheaper.
  On Cloud Run the concurrency setting caps that group (at most 1,000), and new instances come at 60 % of it or of CPU, as
  a minute's average: a spike shorter than that is carried by the instances that are there.
- *Push window.* The embedded broker holds at most 256 pushes at once, so that a backlog waits in the broker and push
  latency stays low. Production's window starts small, grows with every ack to 3,000, and slowly beyond, as long as
  99 % are acked within a second on average: in the first seconds of a spike it, not the worker, is what limits.
- *The sink.* A folder costs one sync a batch; a bucket costs an object each, so that the worker gathers for up to a
  quarter of a second. That is latency, and it is why the window has to be wider for the same throughput.

The same scheduler as the embedded broker's, under simulated time, with a simulated fleet (`rookery plan`):
"""


def write(folders: list[RunFolder], path: Path = _DOCUMENT, *, question: PlanRequest = _PLANNED) -> None:
    """Write the document and its pictures; raises OSError."""
    measured = document(folders, path.parent / "pictures", beside="pictures")
    head, *rows = rows_of(ask(question))
    table = "\n".join(
        [
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *(f"| {' | '.join(each).replace('$', chr(92) + '$')} |" for each in rows),
        ]
    )
    planned = (
        f"{question.rate:,.0f} readings a second at the most, {question.shape}, {question.seconds:g} s. "
        f"{premises(question, prices())}"
    )
    path.write_text(f"{_INTRODUCTION}\n{measured}\n{_CLOUD_RUN}\n{planned}\n\n{table}\n", encoding="utf-8")


def main() -> int:
    """Run the shapes that are missing, and write; returns 1 where reconciliation failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.load_report", description=__doc__)
    parser.add_argument("--runs", nargs="+", type=Path, help="folders of runs that are there already")
    given: list[Path] | None = parser.parse_args().runs
    codes = [0]
    if given is None:
        orders = [LoadOptions(shape=shape) for shape in _SHAPES]
        given = [order.output_folder() for order in orders]
        codes = [
            run(LoadOptions(shape=order.shape, folder=folder))
            for order, folder in zip(orders, given, strict=True)
        ]
    write([RunFolder(each) for each in given])
    return EXIT_FAILED if any(codes) else 0


if __name__ == "__main__":
    raise SystemExit(main())
