"""The summary of a run: a few figures and sentences, for a page or a document."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from rookery.load.percentile import weighted_percentile
from rookery.load.report.series import backlog, throughput
from rookery.load.swarm.durability_listener import DURABLE

if TYPE_CHECKING:
    from rookery.load.report.run_folder import LoadRun


def percentiles(row: Any) -> tuple[float, float, float]:
    """The median, the 99th percentile and the longest of a row of Locust's statistics, in ms."""
    times = sorted((float(ms), int(count)) for ms, count in row["response_times"].items())
    p50, p99 = weighted_percentile(times, 0.5), weighted_percentile(times, 0.99)
    return (
        math.nan if p50 is None else p50,
        math.nan if p99 is None else p99,
        float(row["max_response_time"] or 0),
    )


def measured(run: LoadRun, *, publishing: bool) -> int:
    """How many requests the percentiles of publishing rest on, or how many readings those of durable results."""
    return sum(int(row["num_requests"]) for row in run.record.rows if (row["name"] != DURABLE) is publishing)


def headline(run: LoadRun) -> list[tuple[str, str]]:
    """The main figures, by name."""
    known: list[tuple[str, str]] = [("readings published", f"{run.record.books.published:,}")]
    known += [
        (f"most {each.name} in a second", f"{max(each.values, default=0):,.0f}") for each in throughput(run)
    ]
    known += [("most in flight at once", f"{max(each.values):,.0f}") for each in backlog(run)]
    for row in run.record.rows:
        if row["name"] == DURABLE:
            half, most, _ = percentiles(row)
            rests_on = f"of {measured(run, publishing=False):,} readings"
            known += [
                (f"publication to durable, p50 {rests_on}", shown_ms(half)),
                ("the same, p99", shown_ms(most)),
            ]
    return known


def shown_ms(ms: float) -> str:
    """A duration as people read it."""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"  # noqa: PLR2004  ms in a second


def ceiling(run: LoadRun) -> str:
    """How near its own limit the swarm was, which would make every latency its own."""
    busy = [beat for beat in run.beats if beat.requests]
    if not busy:
        return "The swarm sent nothing."
    top = max(beat.cpu for beat in busy)
    half = statistics.median(beat.cpu for beat in busy)
    lag = max(beat.lag_ms for beat in busy)
    usual = statistics.median(beat.lag_ms for beat in busy)
    verdict = "The swarm was not what limits" if top < NEAR else "The swarm was near its own limit"
    return (
        f"{verdict}: of the one core that it can use it took {half:.0%} in half of the seconds and {top:.0%} at most; "
        f"the latest that a due greenlet ran was {usual:.0f} ms in half of the seconds and {lag:.0f} ms at most."
    )


NEAR = 0.85
"""The share of its core above which a swarm's latencies are its own."""
