"""The document: figures as Markdown, every table with its date, commit, machine and command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.report.figures import Figures
from benchmarks.report.promise import promises
from benchmarks.report.spread import shown, spread
from benchmarks.sections import footprint, growth, neighbours
from benchmarks.servers.generated_model import LARGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_INTRODUCTION: Final = """# How fast Rookery is

Written by `make bench` from `performance.json`; not by hand. All servers answer with the same model on one thread: the
reference, 100 rounds of depth 4 on the shipped data set, trained for the run (`rookery train --depth 4 --rounds 100`), which
every bound is thought out for; where it is said, the smaller model that is shipped, or a large one. Before any timing, 400
answers of each are checked against the booster; of Rookery, what it made durable. Rookery is measured once its compiled
forest answers. Servers are pinned to one CPU, one at a time while the others are stopped, and the load to another. Rounds are
interleaved, and a ratio is formed within each round: figures are medians, with the least and the greatest round in brackets.
CPU a reading moves least with the noise of a machine, but it moves; the line below each table has the machine's load and
the interpreter, which is the same for all: one built without optimizations may take half as long again.

Rookery runs as in production: envelope, token, validation, prediction, and the result synced to disk before the answer.
Peers read the same envelope, validate, predict and answer. A **durable** peer does the same work besides: it appends its results
to a file and syncs it before it answers, once a batch where it makes batches, and verifies the token where it can see one
(FastAPI, LitServe). Bounds are on the durable peer, the plain one is said beside it.
"""

_HEADINGS: Final = {
    "singles": "Single readings",
    "models": "Push, pull and mosec, by model",
    "tables": "Tables",
    "neighbours": "Single readings beside tables of 10,000 rows",
    "growth": "How cost grows",
    "footprint": "Start-up and memory",
    "delivery": "The embedded broker",
}


def render(figures: Mapping[str, Any]) -> str:
    """Write the whole document; a section that was not measured is left out."""
    parts = [_INTRODUCTION, _promised(figures)]
    if "singles" in figures:
        parts.append("![CPU a reading, requests a second and p99 of each server](performance.png)\n")
    for name, heading in _HEADINGS.items():
        if name in figures:
            parts.append(f"## {heading}\n")
            parts.extend(_BODIES[name](Figures(figures[name])))
            parts.append(_footing(figures[name]))
    return "\n".join(parts)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a Markdown table."""
    every = [list(head), *map(list, rows)]
    every.insert(1, ["---"] * len(every[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in every) + "\n"


def _promised(figures: Mapping[str, Any]) -> str:
    rows = [
        (each.said, each.limit, str(each.found or "-"), each.verdict if each.held else f"**{each.verdict}**")
        for each in promises(figures)
    ]
    return "## What is promised\n\n" + table(("ratio", "bound", "found", ""), rows)


def _singles(found: Figures) -> list[str]:
    parts = []
    for many in sorted(found.values("connections")):
        rows = (_single(found, who, connections=many) for who in found.contenders(connections=many))
        parts += [f"{many} connections:\n", table(_SINGLE_HEAD, rows)]
    return parts


def _models(found: Figures) -> list[str]:
    parts = []
    for model in found.values("model"):
        rows = (_single(found, who, model=model) for who in found.contenders(model=model))
        parts += [f"{_MODELS[model]}:\n", table(_SINGLE_HEAD, rows)]
    return parts


_MODELS: Final = {
    "shipped": "The shipped model",
    "reference": "The reference model, 100 rounds of depth 4, 3 classes",
    "large": f"A large model, {LARGE}",
}


_SINGLE_HEAD: Final = (
    "server",
    "CPU us a reading",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "server busy",
    "generator busy",
    "PSS MB",
    "start to first answer, s",
)


def _single(found: Figures, who: str, **where: float | str) -> list[str]:
    def said(figure: str) -> str:
        return str(found.spread(who, figure, **where))

    def middle(figure: str) -> float:
        return found.spread(who, figure, **where).median

    busy = [f"{middle(figure):.0%}" for figure in ("server_busy", "generator_busy")]
    held = [shown(middle(figure)) for figure in ("pss_mb", "start_seconds")]
    return [who, said("cpu_us"), said("per_second"), shown(middle("p50_ms")), said("p99_ms"), *busy, *held]


def _tables(found: Figures) -> list[str]:
    parts = []
    for model in found.values("model"):
        rows = [
            [who, f"{size:,}", *(_said(found, who, name, model=model, rows=size) for name in _TABLE_FIGURES)]
            for size in sorted(found.values("rows", model=model))
            for who in found.contenders(model=model, rows=size)
        ]
        parts += [
            f"{_MODELS[model]}:\n",
            table(("way", "rows a table", "rows/s", "CPU us a row", "p99 ms"), rows),
        ]
    return parts


_TABLE_FIGURES: Final = ("rows_per_second", "cpu_us", "p99_ms")


def _neighbours(found: Figures) -> list[str]:
    head = (
        f"single readings ({neighbours.RATE:,}/s paced, or as fast as {neighbours.CONNECTIONS} connections go)",
        "p50 ms",
        "p99 ms",
        "tables/s",
    )
    parts = []
    for model in found.values("model"):
        rows = (
            [
                who,
                *(_said(found, who, name, model=model) for name in ("p50_ms", "p99_ms", "tables_per_second")),
            ]
            for who in found.contenders(model=model)
        )
        parts += [f"{_MODELS[model]}:\n", table(head, rows)]
    return parts


def _growth(found: Figures) -> list[str]:
    parts = [
        "![CPU a reading against offered load, connections, features and trees](performance-growth.png)\n"
    ]
    for axis in found.values("axis"):
        servers = found.contenders(axis=axis)
        rows = (
            [f"{at:,}", *(_said(found, who, "cpu_us", axis=axis, at=at) for who in servers)]
            for at in sorted(found.values("at", axis=axis))
        )
        parts += [f"CPU us a reading, by {growth.AXES[axis]}:\n", table((growth.AXES[axis], *servers), rows)]
    return parts


def _each(head: tuple[str, ...], *names: str) -> Callable[[Figures], list[str]]:
    """Write one row for each contender, one column for each figure; a dash where one has it not."""

    def rows(found: Figures) -> list[str]:
        return [
            table(head, ([who, *(_said(found, who, name) for name in names)] for who in found.contenders()))
        ]

    return rows


def _said(found: Figures, who: str, name: str, **where: float | str) -> str:
    try:
        return str(found.spread(who, name, **where))
    except KeyError:
        return "-"


def _footprint(found: Figures) -> list[str]:
    head = ("process", "start to ready, s", "resident MB at ready", "PSS MB")
    names = ("start_seconds", "rss_mb", "pss_mb")
    rows = [
        [who, *(_said(found, who, name) for name in names)]
        for who in found.contenders()
        if who != footprint.HOUR
    ]
    parts = [table(head, rows)]
    if footprint.HOUR in found.contenders():
        requests = found.series(footprint.HOUR, "requests")
        resident = found.series(footprint.HOUR, "rss_mb")
        series = ", ".join(
            f"{one / 1000:,.0f}k: {mb:.0f}" for one, mb in zip(requests, resident, strict=True)
        )
        parts.append(
            f"An hour's worth at {footprint.HOUR_RATE} readings/s, as fast as it goes; resident MB after so many"
            f" requests: {series}. Between {spread(resident).low:.0f} and {spread(resident).high:.0f} MB.\n"
        )
    return parts


_BODIES: Final[dict[str, Callable[[Figures], list[str]]]] = {
    "singles": _singles,
    "models": _models,
    "tables": _tables,
    "neighbours": _neighbours,
    "growth": _growth,
    "footprint": _footprint,
    "delivery": _each(
        ("broker", "messages/s taken, 100 a request", "one a request", "pushes/s", "start over 1,000,000, s"),
        "batched_per_second",
        "singles_per_second",
        "per_second",
        "start_seconds",
    ),
}


BUSY_LOAD: Final = 2.0
"""Load average for each CPU from which on a table says so: the benchmark itself makes one of one or less."""


def _footing(section: Mapping[str, Any]) -> str:
    """Say who was absent, what is to be known of each, and where all this was measured."""
    lines = [f"- {who}: {note}." for who, note in section["notes"].items() if note]
    lines += [f"- Left out: {who}, for {why}." for who, why in section["absent"].items()]
    origin = section["provenance"]
    if origin["load"] > BUSY_LOAD * origin["cores"]:
        lines.append(
            f"- **A busy machine**: {origin['load']:.0f} programs wanted to run on its {origin['cores']} CPUs. Ratios of CPU time"
            " mean something, for they are of the same moments; rates, latencies and starts do not."
        )
    rounds = 1 + max((each["round"] for each in section["records"]), default=-1)
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    lines.append(
        f"- {rounds} rounds; {origin['date']}, commit {origin['commit']}, `{origin['command']}`; {origin['processor']}, {origin['cores']} cores,"
        f" {origin['memory_gb']:g} GB, {origin['system']}, load {origin['load']:g} at the start; Python {origin['python']}, {versions}."
    )
    return "\n".join(lines) + "\n"
