"""`python -m benchmarks`: measure, keep the figures as JSON, draw them, and write the document."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.generators.brought_wrk import NoGeneratorError
from benchmarks.preflight import preflight
from benchmarks.progress import say
from benchmarks.report import comparison
from benchmarks.report.document import render
from benchmarks.report.picture import draw, draw_growth
from benchmarks.report.promise import promises
from benchmarks.report.stated import restated, summarized
from benchmarks.run import BenchmarkRun, Section
from benchmarks.sections import delivery, footprint, growth, models, neighbours, singles, tables
from benchmarks.servers.authority import Authority
from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.reference import SAID, reference_model
from benchmarks.servers.reference_answers import ReferenceAnswers
from rookery.load.report.provenance import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECTIONS: Final[dict[str, Callable[[BenchmarkRun], Section]]] = {
    "singles": singles.measure,
    "models": models.measure,
    "tables": tables.measure,
    "neighbours": neighbours.measure,
    "growth": growth.measure,
    "footprint": footprint.measure,
    "delivery": delivery.measure,
}
DOCUMENTS: Final = ROOT / "docs"
REPORTS: Final = ROOT / "load" / "reports"
CANNOT: Final = 2
"""Exit code where nothing could be measured; the last line says why."""

INTERRUPTED: Final = 130
"""Exit code of a run that was stopped by a signal."""


def main() -> int:
    """Measure what is asked for; gives the exit code."""
    # Servers run in sessions of their own, some of them frozen: a signal that ends this run must let it end them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _parser().parse_args()
    asked = options.only.split(",") if options.only else list(SECTIONS)
    unknown = sorted(set(asked) - SECTIONS.keys())
    if unknown:
        say(f"no such section: {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
        return CANNOT
    if not options.render and not _fit(asked, quick=options.quick):
        return CANNOT
    if options.preflight:
        return 0
    folder = DOCUMENTS if options.documents else _folder(quick=options.quick)
    figures = _known(folder)
    try:
        for name, section in () if options.render else _measured(asked, options):
            figures[name] = asdict(section)
            (folder / "performance.json").write_text(json.dumps(figures, indent=1) + "\n")
    except (NoGeneratorError, EnvironmentMissingError) as why:
        say(str(why))
        return CANNOT
    except KeyboardInterrupt:
        say("interrupted; sections that were whole are kept")
        return INTERRUPTED
    draw(figures, folder / "performance.png")
    draw_growth(figures, folder / "performance-growth.png")
    (folder / "performance.md").write_text(render(figures))
    if folder == DOCUMENTS:
        (folder / "explanation" / "comparison.md").write_text(comparison.render(figures))
        answers = folder / "explanation" / "thirteen-questions.md"
        answers.write_text(restated(answers.read_text(), figures))
        readme = ROOT / "README.md"
        readme.write_text(summarized(readme.read_text(), figures))
    for each in promises(figures):
        say(str(each))
    say(f"written: {folder}/performance.md, .json, .png")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="5 minutes where the peers' environments are made: fewer rounds and peers; written to load/reports",
    )
    parser.add_argument("--preflight", action="store_true", help="check what is needed, and measure nothing")
    parser.add_argument("--documents", action="store_true", help="write the documents, although it is quick")
    parser.add_argument("--rounds", type=int, metavar="N", help="of each section; 5, or 2 where quick")
    parser.add_argument("--only", default="", metavar="A,B", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--render", action="store_true", help="measure nothing, write the document anew")
    return parser


def _fit(sections: list[str], *, quick: bool) -> bool:
    """Say what is there of all that is needed; whether anything can be measured."""
    checks = preflight(sections, quick=quick)
    for each in checks:
        say(str(each))
    return all(each.met for each in checks if each.stops)


def _folder(*, quick: bool) -> Path:
    """Give where results go: whole runs into the documents, quick ones beside other reports."""
    if not quick:
        return DOCUMENTS
    folder = REPORTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-bench"
    folder.mkdir(parents=True)
    return folder


def _known(folder: Path) -> dict[str, Any]:
    """Read what an earlier run left: sections that are not asked for keep their figures, date and commit."""
    file = folder / "performance.json"
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return known


def _measured(asked: list[str], options: argparse.Namespace) -> Iterator[tuple[str, Section]]:
    """Measure section by section; one that cannot be is said and left as it was. Raises NoGeneratorError, Absent."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rookery-bench-")))
        run = BenchmarkRun(
            folder=folder,
            reference=ReferenceAnswers(folder, reference_model(folder)),
            shipped=ReferenceAnswers(folder),
            authority=stack.enter_context(Authority(folder)),
            quick=options.quick,
            rounds=options.rounds or (2 if options.quick else 5),
            seconds=1 if options.quick else 3,
        )
        for name in (each for each in SECTIONS if each in asked):
            say(name)
            try:
                section = SECTIONS[name](run)
            except EnvironmentMissingError as why:
                say(f"{name} was not measured: {why}")
                continue
            section.notes = {"the model": SAID, **section.notes}
            yield name, section


if __name__ == "__main__":
    sys.exit(main())
