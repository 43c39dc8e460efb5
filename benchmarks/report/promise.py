"""Promises: what the speed of Rookery must hold, as ratios, and what one run found of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report.figures import Figures
from benchmarks.report.spread import Spread, ratio, shown
from benchmarks.sections import delivery, footprint, neighbours, tables
from benchmarks.servers.pull_worker import PULL
from benchmarks.servers.server_spec import AIOHTTP_NOOP, DURABLE_MOSEC, MOSEC
from benchmarks.servers.table_bodies import ARROW, FORMS, JSON
from benchmarks.servers.worker import FAST, SLOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ORIGINAL: Final = "the original design"
PLAIN: Final = MOSEC[0].family
DURABLE: Final = DURABLE_MOSEC[0].family
_P99_AGAINST: Final = {64: (DURABLE,), 256: (DURABLE, PLAIN)}
"""The peers that a bound of p99 is held against, by connections."""


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
    every = [*_singles(), *_models(), *_tables(), *_neighbours(), *_footprint(), *_delivery()]
    return [SpeedBound(each.said, each.bound, _found(figures, each), each.at_most) for each in every]


def _found(figures: Mapping[str, Any], each: Ratio) -> Spread | None:
    try:
        return each.measure(Figures(figures[each.section]))
    except (KeyError, ValueError):
        return None


def _singles() -> Iterator[Ratio]:
    for many in _P99_AGAINST:
        at = f"at {many} connections"
        for family, most in ((DURABLE, 0.7), (PLAIN, 0.85)):
            said = f"CPU a reading, against {family}, {at}"
            yield Ratio("singles", said, most, _against_best(family, "cpu_us", many))
        for family in _P99_AGAINST[many]:
            said = f"p99, against {family}, {at}"
            yield Ratio("singles", said, 1.0, _against_best(family, "p99_ms", many))
        original = _against(FAST.name, ORIGINAL, "cpu_us", connections=many)
        yield Ratio("singles", f"CPU a reading, against the original design, {at}", 1 / 40, original)
        slow_path = _against(SLOW.name, AIOHTTP_NOOP.name, "cpu_us", connections=many)
        yield Ratio(
            "singles",
            f"CPU a reading, slow path alone, against aiohttp's own no-op, {at}",
            1.35,
            slow_path,
        )
    said = "requests a second at 8 connections, against"
    for family, least in ((DURABLE, 1.25), (PLAIN, 1.0)):
        best = _against_best(family, "per_second", 8, highest=True)
        yield Ratio("singles", f"{said} {family} in its best setting for them", least, best, at_most=False)
    wide = _against(FAST.name, MOSEC[0].name, "per_second", connections=8)
    yield Ratio("singles", f"{said} {MOSEC[0].name}", 3.0, wide, at_most=False)


def _models() -> Iterator[Ratio]:
    at = "at 64 connections"
    for peer, most in ((MOSEC[0].name, 0.6), (FAST.name, 0.75)):
        said = f"CPU a reading, pull against {'its own push' if peer == FAST.name else peer}"
        yield Ratio("models", said, most, _against(PULL.name, peer, "cpu_us", model="reference"))
    said = f"CPU a reading, large model, against {MOSEC[0].name}, {at}"
    yield Ratio("models", said, 0.4, _against(FAST.name, MOSEC[0].name, "cpu_us", model="large"))


def _tables() -> Iterator[Ratio]:
    said = "rows a second in tables of 1,000"
    for form, bounds in ((ARROW, (2.5, 0.7)), (JSON, (1.0, 0.5))):
        for model, least in zip(("reference", "shipped"), bounds, strict=True):
            at: dict[str, float | str] = {"model": model, "rows": tables.ROWS}
            for connections in (tables.FEW, tables.MANY):
                way = tables.way(form, connections)
                measure = _against(way, tables.RAW, "rows_per_second", **at)
                each = f"{said}, {form}, {model} model, {connections} connections, against {tables.RAW}"
                yield Ratio("tables", each, least, measure, at_most=False)
    for peer, least in ((tables.BEAM_TABLES, 5.0), (tables.BEAM_DEFAULT, 50.0)):
        measure = _against(tables.way(JSON), peer, "rows_per_second", model="reference", rows=tables.ROWS)
        yield Ratio("tables", f"{said}, {JSON}, against {peer}", least, measure, at_most=False)


def _neighbours() -> Iterator[Ratio]:
    for model in neighbours.MODELS:
        for kind in ("paced", "unpaced"):
            for form in FORMS:
                for stream in (neighbours.PACED_TABLES, neighbours.STREAM):
                    beside = neighbours.beside_tables(stream, form)
                    alone = f"{kind}, {neighbours.ALONE}"
                    said = f"p99 of single readings, {model} model, {kind}, {beside}, against alone"
                    measure = _against(f"{kind}, {beside}", alone, "p99_ms", model=model)
                    yield Ratio("neighbours", said, 2.0, measure)


def _footprint() -> Iterator[Ratio]:
    bare = footprint.BARE
    start = _against(FAST.name, bare, "start_seconds")
    yield Ratio("footprint", f"start to ready, against {bare}", 1.4, start)
    for who, most in ((footprint.WITHOUT_FOREST, 1.4), (footprint.FORESTED, 2.0)):
        said = f"resident memory, {who.partition(', ')[2]}, against {bare}"
        yield Ratio("footprint", said, most, _against(who, bare, "rss_mb"))
    said = "resident memory at the end of an hour's worth of requests, against its middle"
    yield Ratio("footprint", said, 1.05, _growth)


def _delivery() -> Iterator[Ratio]:
    store, memory, google = delivery.DURABLE, delivery.EMBEDDED, delivery.GOOGLE
    pushed, batched, singles = "per_second", "batched_per_second", "singles_per_second"
    for said, bound, one, other, figure in (
        ("pushes a second of the embedded broker, in memory", 3.0, memory, google, pushed),
        ("pushes a second of the embedded broker, with its store", 3.0, store, google, pushed),
        ("pushes a second with a store", 0.6, store, memory, pushed),
        ("messages taken a second in memory, 100 a request", 0.9, memory, google, batched),
        ("messages taken a second with a store, 100 a request", 0.5, store, memory, batched),
        ("messages taken a second with a store, one a request", 0.3, store, memory, singles),
    ):
        measure = _against(one, other, figure)
        yield Ratio("delivery", f"{said}, against {other}", bound, measure, at_most=False)
    started = f"seconds to start over a store of {delivery.STORED:,} messages"
    yield Ratio("delivery", started, 5.0, lambda found: found.spread(store, "start_seconds"))


def _against(one: str, other: str, figure: str, **where: float | str) -> Callable[[Figures], Spread]:
    return lambda found: ratio(found.by_round(one, figure, **where), found.by_round(other, figure, **where))


def _against_best(
    family: str, figure: str, connections: int, *, highest: bool = False
) -> Callable[[Figures], Spread]:
    """Compare with that setting of a peer whose median is best for these connections."""

    def measure(found: Figures) -> Spread:
        peer = found.best(family, figure, highest=highest, connections=connections)
        return _against(FAST.name, peer, figure, connections=connections)(found)

    return measure


def _growth(found: Figures) -> Spread:
    if found.series(footprint.HOUR, "requests")[-1] < footprint.HOUR_REQUESTS:
        raise ValueError("it was less than an hour's worth")
    series = found.series(footprint.HOUR, "rss_mb")
    return ratio({0: series[-1]}, {0: series[len(series) // 2]})
