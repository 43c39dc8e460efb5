"""The document of several runs, in Markdown with pictures; every word of a figure comes from the raw data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.load.percentile import percentile
from rookery.load.report.plots import LIGHT, as_png, sheet
from rookery.load.report.run_folder import read
from rookery.load.report.series import backlog, throughput
from rookery.load.report.summary import ceiling, percentiles, shown_ms
from rookery.load.swarm.durability_listener import DURABLE
from rookery.load.swarm.stages import SHAPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rookery.load.report.run_folder import LoadRun, RunFolder, RunRecord

BUSY: Final = 0.85
"""The share of a core above which a process of one thread has nothing left."""

_HEAD: Final = (
    "| shape | target | readings | most published/s | most durable/s | publish p50 / p99 (of requests) "
    "| publication to durable p50 / p99 (of readings) | lost | reconciliation |\n|---|---|---|---|---|---|---|---|---|"
)


def document(folders: Sequence[RunFolder], pictures: Path, *, beside: str) -> str:
    """Write a section a run, and its picture into `pictures`, which the text knows as `beside`; raises OSError."""
    runs = [read(folder) for folder in folders]
    pictures.mkdir(parents=True, exist_ok=True)
    parts = [_provenance(runs), "\n".join([_HEAD, *(_row(run) for run in runs)])]
    for run in runs:
        name = f"load-{run.record.shape}-{run.record.target}.png"
        (pictures / name).write_bytes(as_png(sheet(run, LIGHT)))
        parts.append(_section(run, f"{beside}/{name}"))
    return "\n\n".join(parts) + "\n"


def _provenance(runs: Sequence[LoadRun]) -> str:
    where = runs[0].record.provenance
    loads = ", ".join(f"{run.record.provenance['load']:.1f}" for run in runs)
    versions = ", ".join(f"{name} {each}" for name, each in where["versions"].items())
    commits = ", ".join(dict.fromkeys(str(run.record.provenance["commit"]) for run in runs))
    return (
        f"Measured on {runs[0].record.began[:10]}, commit {commits}, on {where['processor']}, {where['cores']} cores, "
        f"{where['memory_gb']} GB, {where['system']}; Python {where['python']}, {versions}. "
        f"Swarm, broker and worker share the machine; its load average as each run began: {loads}."
    )


def _row(run: LoadRun) -> str:
    record = run.record
    most = {each.name: f"{max(each.values, default=0):,.0f}" for each in throughput(run)}
    verdict = "passed" if record.books.closed else "**failed**"
    cells = [
        record.shape,
        record.target,
        f"{record.books.published:,}",
        most["published"],
        most.get("durable", "-"),
        _times(record, publishing=True),
        _times(record, publishing=False),
        f"{record.books.lost:,}",
        verdict,
    ]
    return f"| {' | '.join(cells)} |"


def _times(record: RunRecord, *, publishing: bool) -> str:
    """Of the row with the most requests, either of publishing or of what became durable."""
    rows = [row for row in record.rows if (row["name"] != DURABLE) is publishing and row["num_requests"]]
    if not rows:
        return "-"
    row = max(rows, key=lambda row: int(row["num_requests"]))
    half, most, _ = percentiles(row)
    return f"{shown_ms(half)} / {shown_ms(most)} ({row['num_requests']:,})"


def _section(run: LoadRun, picture: str) -> str:
    record, books = run.record, run.record.books
    meaning = (SHAPES[record.shape].plan.__doc__ or "").strip()
    return "\n\n".join(
        [
            f"## {record.shape.capitalize()} at the {record.target}",
            meaning,
            (
                f"`{record.provenance['command']}`, {record.seconds:.0f} s and {record.settled_s:.0f} s to settle: "
                f"{books.published:,} published = {books.predicted:,} predicted + {books.rejected:,} rejected + {books.lost:,} lost; "
                f"{books.wrong:,} wrong, {books.unexpected:,} unexpected, {books.duplicated:,} written twice, "
                f"{books.late:,} later than {record.late_after_s:g} s."
            ),
            f"*What limits:* {limits(run)} {ceiling(run)}",
            f"![{record.shape} at the {record.target}: all plots]({picture})",
        ]
    )


def limits(run: LoadRun) -> str:
    """Say which process had no core left while readings were coming, or what else it was that held them up."""
    end = run.beats[-1].at
    during = [each for each in run.samples if each.at <= end]
    names = during[0].cpu if during else ()
    shares = {name: _busy([each.cpu.get(name, 0.0) for each in during]) for name in names}
    shares["swarm"] = _busy([beat.cpu for beat in run.beats if beat.requests])
    said = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
    waited = max((max(each.values) for each in backlog(run)), default=0.0)
    return f"{_verdict(run, shares, waited)} (cores in a busy second: {said}; at most {waited:,.0f} readings in flight)."


def _busy(shares: Sequence[float]) -> float:
    """The 90th percentile over seconds."""
    return percentile(sorted(shares), 0.9) or 0.0


def _verdict(run: LoadRun, shares: Mapping[str, float], waited: float) -> str:
    where = run.record.provenance
    full = [name for name, share in shares.items() if share >= BUSY]
    if full:
        return f"the {' and the '.join(full)} had no core left"
    if waited < _FEW:
        return "nothing: readings were done as fast as they came"
    if where["load"] > where["cores"]:
        return "the machine, on which other work was waiting for a core"
    return "the machine's cores together, or the pace of the push"


_FEW: Final = 1000
"""Readings in flight that are no backlog."""
