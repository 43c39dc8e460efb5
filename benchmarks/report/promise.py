"""Promises: what the speed of Rookery must hold, as ratios, and what one run found of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report.figures import Figures
from benchmarks.report.spread import Spread, ratio, shown
from benchmarks.sections import delivery, footprint, neighbours, tables
from benchmarks.servers.server_spec import AIOHTTP_NOOP
from benchmarks.servers.worker import AIOHTTP, FAST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ORIGINAL: Final = "the original design"
BATCH_64: Final = "mosec, batch 64"


@dataclass(frozen=True, slots=True)
class SpeedBound:
    """One ratio and its bound; `found` is None where it was not measured."""

    said: str
    bound: float
    found: Spread | None
    at_most: bool = True

    @property
    def held(self) -> bool | None:
        """Whether the median keeps the bound; None where nothing was measured."""
        if self.found is None:
            return None
        return self.found.median <= self.bound if self.at_most else self.found.median >= self.bound

    @property
    def verdict(self) -> str:
        """Say it in a word."""
        return {True: "held", False: "NOT HELD", None: "not measured"}[self.held]

    @property
    def limit(self) -> str:
        """Say the bound."""
        return f"{'at most' if self.at_most else 'at least'} {shown(self.bound)}"

    def __str__(self) -> str:
        """As progress says it."""
        return f"{self.verdict:12} {self.said}: {self.found or '-'}, {self.limit}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """How a promise's ratio is formed from a section's figures."""

    section: str
    said: str
    bound: float
    measure: Callable[[Figures], Spread]
    at_most: bool = True


def promises(figures: Mapping[str, Any]) -> list[SpeedBound]:
    """Hold every promise against what was measured."""
    every = [*_singles(), *_tables(), *_neighbours(), *_footprint(), *_delivery()]
    return [SpeedBound(each.said, each.bound, _found(figures, each), each.at_most) for each in every]


def _found(figures: Mapping[str, Any], each: Ratio) -> Spread | None:
    try:
        return each.measure(Figures(figures[each.section]))
    except (KeyError, ValueError):
        return None


def _singles() -> Iterator[Ratio]:
    for many in (64, 256):
        at = f"at {many} connections"
        original = _against(FAST.name, ORIGINAL, "cpu_us", connections=many)
        aiohttp_path = _against(AIOHTTP.name, AIOHTTP_NOOP.name, "cpu_us", connections=many)
        yield Ratio("singles", f"CPU a reading, against mosec, {at}", 0.7, _against_mosec("cpu_us", many))
        yield Ratio("singles", f"p99, against mosec, {at}", 1.0, _against_mosec("p99_ms", many))
        yield Ratio("singles", f"CPU a reading, against the original design, {at}", 1 / 40, original)
        yield Ratio(
            "singles",
            f"CPU a reading, aiohttp path alone, against aiohttp's own no-op, {at}",
            1.35,
            aiohttp_path,
        )
    said = "requests a second at 8 connections, against mosec"
    wide = _against(FAST.name, BATCH_64, "per_second", connections=8)
    yield Ratio("singles", f"{said} with batch 64", 3.0, wide, at_most=False)
    best = _against_mosec("per_second", 8, highest=True)
    yield Ratio("singles", f"{said} in its best setting for them", 1.0, best, at_most=False)


def _tables() -> Iterator[Ratio]:
    for peer, least in ((tables.RAW, 0.6), (tables.BEAM_TABLES, 5.0), (tables.BEAM_DEFAULT, 50.0)):
        said = f"rows a second in tables of 1,000, push to durable, against {peer}"
        yield Ratio("tables", said, least, _against(FAST.name, peer, "rows_per_second"), at_most=False)


def _neighbours() -> Iterator[Ratio]:
    for kind in ("paced", "unpaced"):
        for beside in (neighbours.PACED_TABLES, neighbours.STREAM):
            said = f"p99 of single readings, {kind}, {beside}, against {neighbours.ALONE}"
            measure = _against(f"{kind}, {beside}", f"{kind}, {neighbours.ALONE}", "p99_ms")
            yield Ratio("neighbours", said, 2.0, measure)


def _footprint() -> Iterator[Ratio]:
    bare = footprint.BARE
    start, resident = (_against(FAST.name, bare, figure) for figure in ("start_seconds", "rss_mb"))
    yield Ratio("footprint", f"start to ready, against {bare}", 1.5, start)
    yield Ratio("footprint", f"resident memory, against {bare}", 1.4, resident)
    said = "resident memory at the end of an hour's worth of requests, against its middle"
    yield Ratio("footprint", said, 1.05, _growth)


def _delivery() -> Iterator[Ratio]:
    said = f"pushes a second of the embedded broker, against {delivery.GOOGLE}"
    measure = _against(delivery.EMBEDDED, delivery.GOOGLE, "per_second")
    yield Ratio("delivery", said, 3.0, measure, at_most=False)


def _against(one: str, other: str, figure: str, **where: float) -> Callable[[Figures], Spread]:
    return lambda found: ratio(found.by_round(one, figure, **where), found.by_round(other, figure, **where))


def _against_mosec(figure: str, connections: int, *, highest: bool = False) -> Callable[[Figures], Spread]:
    """Compare with that setting of mosec whose median is best for these connections."""

    def measure(found: Figures) -> Spread:
        peer = found.best("mosec", figure, highest=highest, connections=connections)
        return _against(FAST.name, peer, figure, connections=connections)(found)

    return measure


def _growth(found: Figures) -> Spread:
    if found.series(footprint.HOUR, "requests")[-1] < footprint.HOUR_REQUESTS:
        raise ValueError("it was less than an hour's worth")
    series = found.series(footprint.HOUR, "rss_mb")
    return ratio({0: series[-1]}, {0: series[len(series) // 2]})
