"""A trial of `rookery up`: a file is published while its programs are killed -9 one by one, and every row accounted for.

python -m tools.station_trial --rows 1000000
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from os import kill
from pathlib import Path
from typing import Annotated, Final

import typer

from rookery.errors import EXIT_DEFECT, EXIT_FAILED
from rookery.load.accounting.folder_results import predictions
from rookery.load.child_process import ChildProcess, ProcessFailedError, module_command
from rookery.publisher.files.reading_file import ReadingFile
from rookery.results.id_set import IdSet
from tools.bulk_trial import write

PROGRAMS: Final = ("worker", "broker")
_READY_WITHIN_S: Final = 120.0
_PUBLISHED_WITHIN_S: Final = 3_600.0
_QUIET_S: Final = 120.0
"""How long no further result may come before the trial gives up: the longest push backoff is a minute."""
_KILL_EVERY_S: Final = (0.5, 4.0)
_LOOK_EVERY_S: Final = 0.05


class StationProcess(ChildProcess):
    """`rookery up` on free ports, its data and its log in one folder."""

    ends_within_s = 40.0

    def __init__(self, root: Path, *options: str) -> None:
        self.data = root / "data"
        command = module_command("rookery", "up", "--data", str(self.data), "--port", "0")
        command += ["--worker-port", "0", "--ready-file", str(root / "station.ready"), *options]
        super().__init__("station", command, folder=root)

    def lines(self) -> list[str]:
        """Everything that it has logged so far."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def pids(self, name: str) -> list[int]:
        """The processes that a program has had, as often as it was ready."""
        found = re.compile(rf"station: {name} is ready \(process (\d+)\)")
        return [int(match[1]) for line in self.lines() if (match := found.search(line))]


@dataclass(slots=True)
class StationTrialOutcome:
    """Kills, bad rows that were kept, distinct readings of the file, other readings, duplicate lines, and the exit code."""

    kills: int = 0
    kept: int = 0
    readings: int = 0
    others: int = 0
    repeated: int = 0
    code: int | None = None

    def good(self, *, rows: int, bad: int) -> bool:
        """Whether every row is one prediction or one bad row, and the station ended in order."""
        return (self.readings, self.kept, self.others, self.code) == (rows - bad, bad, 0, 0)


def run(root: Path, *, rows: int, seed: int, least_kills: int = 0) -> tuple[StationTrialOutcome, int]:
    """Publish so many rows and kill on until all are published; gives the outcome, and how many rows are bad.

    Raises ProcessFailedError where a program fails without being killed.
    """
    path, found = root / "readings.csv", StationTrialOutcome()
    bad = write(path, rows)
    with StationProcess(root) as station:
        broker = station.address(within_s=_READY_WITHIN_S)
        found.kills = _publish(path, station, broker, seed=seed, least_kills=least_kills)
        _read(station, ReadingFile(path).profile.digest12, found, rows=rows, expected=rows - bad)
        found.code = station.stop(signal.SIGTERM)
    rejected = path.with_name("readings.csv.rejected.csv")
    found.kept = len(rejected.read_text().splitlines()) - 1 if rejected.exists() else 0
    return found, bad


def _publish(path: Path, station: StationProcess, broker: str, *, seed: int, least_kills: int) -> int:
    """Publish with --resume until every row is, killing meanwhile; gives the number of kills."""
    dice, kills = random.Random(seed), 0  # noqa: S311  any moment will do
    command = module_command("rookery", "publish", "csv", str(path), "--resume", "--broker", broker)
    kill_at, until, published = 0.0, time.monotonic() + _PUBLISHED_WITHIN_S, False
    while not published or kills < least_kills:
        # Another attempt, where the broker was away for longer than the publisher waits.
        with ChildProcess("publisher", command, folder=path.parent) as publisher:
            while publisher.code is None or (published and kills < least_kills):
                station.check()
                if time.monotonic() > until:
                    raise ProcessFailedError(
                        f"not published within {_PUBLISHED_WITHIN_S:g} s\n{publisher.tail()}"
                    )
                if time.monotonic() >= kill_at:
                    kills += _kill(station, dice.choice(PROGRAMS))
                    kill_at = time.monotonic() + dice.uniform(*_KILL_EVERY_S)
                time.sleep(_LOOK_EVERY_S)
                published = published or publisher.code == 0
    return kills


def _kill(station: StationProcess, name: str) -> int:
    """Kill a program, unless it is dead already; gives how many were killed."""
    with suppress(ProcessLookupError):
        kill(station.pids(name)[-1], signal.SIGKILL)
        return 1
    return 0


def _read(
    station: StationProcess, stem: str, found: StationTrialOutcome, *, rows: int, expected: int
) -> None:
    """Read results as they come, until as many readings as expected are there or nothing comes any more."""
    seen, last, results = IdSet(), time.monotonic(), predictions(station.data / "results" / "predictions")
    while found.readings < expected and time.monotonic() - last < _QUIET_S:
        for line in results.fresh():
            last = time.monotonic()
            name, _, row = line.reading_id.rpartition("-")
            if not seen.add(line.reading_id):
                found.repeated += 1
            elif name == stem and 0 <= int(row) < rows:
                found.readings += 1
            else:
                found.others += 1
        station.check()
        time.sleep(_LOOK_EVERY_S)


def main(
    *,
    rows: Annotated[int, typer.Option(min=1)] = 1_000_000,
    seed: Annotated[int, typer.Option()] = 1,
    work_dir: Annotated[Path | None, typer.Option(help="Folder to keep.")] = None,
) -> None:
    """Publish so many rows to a station whose programs are killed meanwhile; exit code 0 where all are accounted for."""
    root = work_dir or Path(tempfile.mkdtemp(prefix="rookery-station-"))
    began = time.monotonic()
    try:
        found, bad = run(root, rows=rows, seed=seed)
    except ProcessFailedError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_DEFECT) from None
    finally:
        if work_dir is None:
            shutil.rmtree(root)
    typer.echo(
        f"{rows} rows: {found.readings} distinct readings predicted, and {found.kept} bad rows kept, of {bad};"
        f" {found.others} others, {found.repeated} duplicate lines\n"
        f"{found.kills} programs killed -9; {time.monotonic() - began:.1f} s; the station ended with {found.code}"
    )
    raise typer.Exit(0 if found.good(rows=rows, bad=bad) else EXIT_FAILED)


if __name__ == "__main__":
    typer.run(main)
