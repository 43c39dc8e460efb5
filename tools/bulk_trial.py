"""A trial of bulk publishing: a large file to results, its publisher killed on the way, every row accounted for.

python -m tools.bulk_trial --rows 5000000 --kills 5
"""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rookery.environment.local import Folders, staged
from rookery.errors import EXIT_DEFECT, EXIT_FAILED, UserError
from rookery.load.child_process import ChildProcess, module_command
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.resume.checkpoint import checkpoint_path
from rookery.publisher.files.source import FileSource
from rookery.results.id_set import IdSet
from rookery.schemas.contract.default import default_contract
from rookery.schemas.contract.example import example_fields
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from rookery.environment.local import LocalEnvironment

BAD_EVERY: Final = 10_007
"""One row of so many has an impossible mass; no power of two, so that it falls anywhere in a block."""

MOST_RESIDENT_MB: Final = 250
"""Megabytes that the publisher may hold in memory."""

_QUIET_S: Final = 60.0
"""How long no further result may come before the trial gives up."""

_LOOK_EVERY_S: Final = 0.02


def write(path: Path, rows: int) -> int:
    """Write a file of seeded readings; returns how many of its rows are bad."""
    factory, bad = ReadingFactory(seed=5), 0
    contract = default_contract()
    names, measurement = contract.names, contract.measurements[0]
    rows_of_text = [",".join(map(str, factory.fields().values())) for _ in range(10_000)]
    impossible = example_fields(contract) | {measurement.name: measurement.range.most + 1}
    bad_row = ",".join(map(str, impossible.values())) + "\n"
    with path.open("w") as file:
        file.write(",".join(names) + "\n")
        for row in range(rows):
            if row % BAD_EVERY == BAD_EVERY - 1:
                file.write(bad_row)
                bad += 1
            else:
                file.write(rows_of_text[row % len(rows_of_text)] + "\n")
    return bad


@dataclass(slots=True)
class PublisherRuns:
    """Kills, memory and time of the publisher over all runs."""

    kills: int = 0
    peak_mb: int = 0
    seconds: float = 0.0


def publish(path: Path, stage: LocalEnvironment, *, kills: int, seed: int = 3) -> PublisherRuns:
    """Publish with --resume, again and again, killed -9 so often at moments of chance; raises UserError."""
    moments, runs = random.Random(seed), PublisherRuns()  # noqa: S311  any moment will do
    command = module_command("rookery", "publish", "csv", str(path), "--resume",
                             "--topic", stage.route.topic, "--broker", stage.broker)  # fmt: skip
    checkpoint = checkpoint_path(FileSource.of(path))
    while True:
        before = checkpoint.read_bytes() if checkpoint.exists() else b""
        kill_at = None
        with ChildProcess("publisher", command, folder=path.parent) as process:
            began = time.monotonic()
            while process.code is None:
                runs.peak_mb = max(runs.peak_mb, _peak_mb(process.pid))
                moved = checkpoint.exists() and checkpoint.read_bytes() != before
                if kill_at is None and moved and runs.kills < kills:
                    kill_at = time.monotonic() + moments.uniform(0, 1.5)
                if kill_at is not None and time.monotonic() >= kill_at:
                    process.stop(signal.SIGKILL)
                time.sleep(_LOOK_EVERY_S)
            runs.seconds += time.monotonic() - began
        if process.code == 0:
            return runs
        if process.code > 0:
            raise UserError(f"The publisher ended with {process.code}.", hint=process.tail())
        runs.kills += 1


def _peak_mb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


@dataclass(slots=True)
class TrialOutcome:
    """Counts of the reader: distinct readings of the file, other readings, and duplicate lines."""

    readings: int = 0
    others: int = 0
    repeated: int = 0


def read(stage: LocalEnvironment, stem: str, *, rows: int, expected: int) -> TrialOutcome:
    """Read results as they come, until as many readings as expected are there or nothing comes any more."""
    seen, found = IdSet(), TrialOutcome()
    last = time.monotonic()
    while found.readings < expected and time.monotonic() - last < _QUIET_S:
        for line in stage.location.predictions.fresh():
            last = time.monotonic()
            name, _, row = line.reading_id.rpartition("-")
            if not seen.add(line.reading_id):
                found.repeated += 1
            elif name == stem and 0 <= int(row) < rows:
                found.readings += 1
            else:
                found.others += 1
        stage.check()
        time.sleep(_LOOK_EVERY_S)
    return found


def main(
    *,
    rows: Annotated[int, typer.Option(min=1)] = 5_000_000,
    kills: Annotated[int, typer.Option(min=0)] = 5,
    work_dir: Annotated[Path | None, typer.Option("--work-dir", "--keep", help="Folder to keep.")] = None,
) -> None:
    """Publish so many rows through broker and worker on this machine; exit code 0 where all are accounted for."""
    root = work_dir or Path(tempfile.mkdtemp(prefix="rookery-trial-"))
    try:
        path = root / "readings.csv"
        bad = write(path, rows)
        with staged(Folders(root)) as stage:
            began = time.monotonic()
            runs = publish(path, stage, kills=kills)
            found = read(stage, ReadingFile(path).profile.digest12, rows=rows, expected=rows - bad)
            took_s = time.monotonic() - began
            memory = {child.name: _peak_mb(child.pid) for child in stage.children}
        rejected = path.with_name("readings.csv.rejected.csv")
        kept = len(rejected.read_text().splitlines()) - 1 if rejected.exists() else 0
    except UserError as error:
        typer.echo(f"rookery: {error}\n  {error.hint}", err=True)
        raise typer.Exit(EXIT_DEFECT) from None
    finally:
        if work_dir is None:
            shutil.rmtree(root)
    typer.echo(
        f"{rows} rows: {found.readings} distinct readings predicted, and {kept} bad rows kept, of {bad};"
        f" {found.others} others, {found.repeated} duplicate lines\n"
        f"{runs.kills} kills; {runs.seconds:.1f} s of publishing, {took_s:.1f} s until the last result was read\n"
        f"peak resident: publisher {runs.peak_mb} MB, "
        + ", ".join(f"{name} {peak} MB" for name, peak in memory.items())
    )
    good = (
        found.readings + kept == rows
        and kept == bad
        and not found.others
        and runs.kills == kills
        and runs.peak_mb < MOST_RESIDENT_MB
    )
    raise typer.Exit(0 if good else EXIT_FAILED)


if __name__ == "__main__":
    typer.run(main)
