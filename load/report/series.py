"""Series: a run's beats and samples as what a plot draws, over seconds since its first beat."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rookery.load.report.run_folder import LoadRun
    from rookery.load.report.sample import Sample
    from rookery.load.swarm.per_second_stats import SecondStats

_LEAST_S: Final = 0.5
"""Less than this between two looks is no second: a rate over it would be an accident."""

SMOOTHED_S: Final = 5.0
"""Seconds over which a plot averages rates."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot; `seconds[i]` is when `values[i]` was."""

    name: str
    seconds: Sequence[float]
    values: Sequence[float]


def rates(name: str, points: Iterable[tuple[float, float]]) -> Series:
    """Turn a running total into what was added each second; moments are counted with what follows them."""
    at: list[float] = []
    values: list[float] = []
    before: tuple[float, float] | None = None
    for now, total in points:
        if before is None:
            before = now, total
        elif now - before[0] >= _LEAST_S:
            at.append(now)
            values.append((total - before[1]) / (now - before[0]))
            before = now, total
    return Series(name, at, values)


def smoothed(each: Series) -> Series:
    """Average each value with those of the seconds before it: a table that comes every two seconds makes no zigzag."""
    values = []
    for place, at in enumerate(each.seconds):
        recent = [
            value
            for then, value in zip(each.seconds, each.values[: place + 1], strict=False)
            if at - then < SMOOTHED_S
        ]
        values.append(sum(recent) / len(recent))
    return Series(each.name, each.seconds, values)


def _beats(run: LoadRun, name: str, pick: Callable[[SecondStats], float | None]) -> Series:
    start = run.beats[0].at
    # The last beat ends a second that was cut short, after the users were stopped.
    whole = run.beats[:-1] or run.beats
    known = [(beat.at - start, value) for beat in whole if (value := pick(beat)) is not None]
    return Series(name, [at for at, _ in known], [value for _, value in known])


def _samples(run: LoadRun, name: str, pick: Callable[[Sample], float | None]) -> Series:
    start = run.beats[0].at
    known = [(each.at - start, value) for each in run.samples if (value := pick(each)) is not None]
    return Series(name, [at for at, _ in known], [value for _, value in known])


def _of(what: Literal["cpu", "memory"], process: str, sample: Sample) -> float | None:
    return (sample.cpu if what == "cpu" else sample.memory).get(process)


def totals(run: LoadRun) -> list[tuple[float, float, float]]:
    """Seconds, readings published and readings durable so far.

    The swarm says both while it is there; afterwards the worker's own count of batched readings goes on.
    """
    start, last = run.beats[0].at, run.beats[-1]
    points = [(each.at - start, float(each.readings), float(each.durable)) for each in run.beats]
    batched = [(each.at, each.batched) for each in run.samples if each.batched is not None]
    before = max((value for at, value in batched if at <= last.at), default=0.0)
    points += [
        (at - start, float(last.readings), last.durable + value - before)
        for at, value in batched
        if at > last.at and last.durable
    ]
    return points


def throughput(run: LoadRun) -> list[Series]:
    """Readings published and durable, a second."""
    points = totals(run)
    published = rates("published", [(at, total) for at, total, _ in points])
    durable = rates("durable", [(at, total) for at, _, total in points])
    return [published, durable] if any(durable.values) else [published]


def backlog(run: LoadRun) -> list[Series]:
    """Readings that are published and not durable yet."""
    points = [(at, max(0.0, out - done)) for at, out, done in totals(run)]
    if not run.samples or not run.beats[-1].durable:
        return []
    return [Series("in flight", [at for at, _ in points], [value for _, value in points])]


def users(run: LoadRun) -> list[Series]:
    """Users of the swarm."""
    return [_beats(run, "users", lambda beat: float(beat.users))]


def publish_latency(run: LoadRun) -> list[Series]:
    """Milliseconds of a publish request."""
    return [
        _beats(run, "p50", lambda beat: beat.publish_p50_ms),
        _beats(run, "p99", lambda beat: beat.publish_p99_ms),
    ]


def durable_latency(run: LoadRun) -> list[Series]:
    """Milliseconds from publication to durable result."""
    return [
        _beats(run, "p50", lambda beat: beat.durable_p50_ms),
        _beats(run, "p99", lambda beat: beat.durable_p99_ms),
    ]


def cpu(run: LoadRun) -> list[Series]:
    """Cores that each process takes."""
    names = run.samples[0].cpu if run.samples else ()
    return [_beats(run, "swarm", lambda beat: beat.cpu)] + [
        _samples(run, name, partial(_of, "cpu", name)) for name in names
    ]


def memory(run: LoadRun) -> list[Series]:
    """Megabytes that each process holds."""
    names = run.samples[0].memory if run.samples else ()
    return [_samples(run, name, partial(_of, "memory", name)) for name in names]


def batch_sizes(run: LoadRun) -> list[tuple[str, float]]:
    """How many batches there were of each size, by the upper end of its bucket; empty ones at the ends left out."""
    last = next((each.sizes for each in reversed(run.samples) if each.sizes), {})
    cumulative = sorted(((float(size), value) for size, value in last.items()), key=lambda each: each[0])
    counts = [
        (f"{size:g}" if size != float("inf") else "more", value - before)
        for (size, value), (_, before) in zip(cumulative, [(0.0, 0.0), *cumulative], strict=False)
    ]
    full = [place for place, (_, count) in enumerate(counts) if count]
    return counts[full[0] : full[-1] + 1] if full else []
