"""A trial of frames: a frame of many rows is published, predicted by a worker, and read back; every row accounted for.

python -m tools.frames_trial --rows 1000000
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import pandas as pd
import typer

import rookery
from rookery.environment.local import Folders, LocalEnvironment, staged
from rookery.errors import EXIT_DEFECT, EXIT_FAILED, UserError
from rookery.load.accounting.tail import Tail
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.contract.default import default_contract
from rookery.schemas.testing import ReadingFactory

_QUIET_S: Final = 60.0
"""How long no further result may come before the trial gives up."""

_LOOK_EVERY_S: Final = 0.1
_KNOWN: Final = 10_000
_DTYPES: Final = {
    "reading_id": "string",
    "message_id": "string",
    "row": "Int64",
    "device_id": "string",
    "observed_at": "datetime64[us, UTC]",
    "probability": "float64",
    "out_of_distribution": "bool",
}
"""The dtypes that a few columns of the predictions need."""


def frame_of(rows: int) -> pd.DataFrame:
    """A frame of seeded readings as people have them: categories, gaps, nullable numbers, devices, and a local time."""
    contract = default_contract()
    factory = ReadingFactory(seed=5)
    known = pd.DataFrame([factory.fields() for _ in range(min(rows, _KNOWN))])
    frame = known.iloc[np.arange(rows) % len(known)].reset_index(drop=True)
    kinds = {"category": "category", "integer": "Int32", "flag": "boolean", "number": "float64"}
    frame = frame.astype({each.name: kinds[each.kind] for each in contract.features})
    frame.loc[frame.index % 100 == 1, contract.names[-1]] = pd.NA
    frame["observed_at"] = pd.date_range("2026-11-23", periods=rows, freq="ms", tz="Europe/Berlin")
    frame["device_id"] = pd.Categorical.from_codes(
        np.arange(rows) % 7, [f"station-{nth}" for nth in range(7)]
    )
    return frame


@dataclass(frozen=True, slots=True)
class FramesTrialOutcome:
    """How it went: rows published, read back, and read back twice; what differed; seconds and MB of each step."""

    rows: int
    published: int
    back: int
    repeated: int
    differences: tuple[str, ...]
    seconds: dict[str, float]
    frame_mb: int
    publish_mb: int
    peak_mb: int

    @property
    def good(self) -> bool:
        """Whether every row came back once, as it was."""
        return self.rows == self.published == self.back and not self.repeated and not self.differences


def run(folder: Path, rows: int) -> FramesTrialOutcome:
    """Publish so many rows through a broker and a worker on this machine; raises UserError."""
    frame = frame_of(rows)
    frame_mb = _peak_mb()
    with staged(Folders(folder)) as stage:
        began = time.monotonic()
        answers = rookery.publish_frame(
            frame, stage.route.topic, settings=PublisherSettings(broker=stage.broker)
        )
        published, publish_mb = time.monotonic(), _peak_mb()
        _wait(stage, folder / "predictions", rows)
        predicted = time.monotonic()
        stage.end_worker()
        ended = time.monotonic()
        back = rookery.read_predictions(stage.location.results)
        read = time.monotonic()
    return FramesTrialOutcome(
        rows=rows,
        published=int(answers["message_id"].notna().sum()),
        back=len(back),
        repeated=int(back["reading_id"].duplicated().sum()),
        differences=tuple(_differences(frame, answers, back)),
        seconds={"publish": published - began, "predict": predicted - began, "read": read - ended},
        frame_mb=frame_mb,
        publish_mb=publish_mb,
        peak_mb=_peak_mb(),
    )


def _wait(stage: LocalEnvironment, folder: Path, rows: int) -> None:
    """Wait for as many lines as there are rows, or until none comes any more."""
    tail, found, last = Tail(folder), 0, time.monotonic()
    while found < rows and time.monotonic() - last < _QUIET_S:
        if fresh := tail.fresh():
            found, last = found + fresh.count(b"\n"), time.monotonic()
        stage.check()
        time.sleep(_LOOK_EVERY_S)


def _differences(frame: pd.DataFrame, answers: pd.DataFrame, back: pd.DataFrame) -> list[str]:
    """The columns that are not what was sent, what `predict` says in this process, or of another dtype."""
    target = default_contract().target
    wrong = [f"{name}: {back[name].dtype}" for name, kind in _DTYPES.items() if str(back[name].dtype) != kind]
    wrong += (
        [] if isinstance(back[target].dtype, pd.CategoricalDtype) else [f"{target}: {back[target].dtype}"]
    )
    found = back.set_index("reading_id").reindex(answers["reading_id"])
    expected = rookery.predict(frame)
    for name, other in (
        ("observed_at", frame["observed_at"]),
        ("device_id", frame["device_id"]),
        (target, expected[target]),
        ("probability", expected["probability"]),
        ("missing", expected["missing"]),
    ):
        equal = found[name].astype(object).to_numpy() == other.astype(object).to_numpy()
        wrong += [] if bool(np.all(equal)) else [f"{name}: {int(np.sum(~equal))} rows"]
    return wrong


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(
    *,
    rows: Annotated[int, typer.Option(min=1)] = 1_000_000,
    work_dir: Annotated[Path | None, typer.Option(help="Folder to keep.")] = None,
) -> None:
    """Send a frame of so many rows through broker and worker on this machine; exit code 0 where all came back."""
    root = work_dir or Path(tempfile.mkdtemp(prefix="rookery-frames-"))
    try:
        done = run(root, rows)
    except UserError as error:
        typer.echo(f"rookery: {error}\n  {error.hint}", err=True)
        raise typer.Exit(EXIT_DEFECT) from None
    finally:
        if work_dir is None:
            shutil.rmtree(root)
    typer.echo(report(done))
    raise typer.Exit(0 if done.good else EXIT_FAILED)


def report(done: FramesTrialOutcome) -> str:
    """The outcome in a few lines."""
    lost = done.rows - done.back + done.repeated
    return (
        f"{done.rows} rows: {done.published} published, {done.back} read back, {lost} lost, {done.repeated} twice;"
        f" {', '.join(done.differences) or 'every value and dtype as it was'}\n"
        f"{done.seconds['publish']:.1f} s until every row was published, {done.seconds['predict']:.1f} s until the"
        f" last was predicted, {done.seconds['read']:.1f} s to read them back\n"
        f"peak resident: {done.frame_mb} MB with the frame alone, {done.publish_mb} MB publishing it,"
        f" {done.peak_mb} MB in all"
    )


if __name__ == "__main__":
    typer.run(main)
