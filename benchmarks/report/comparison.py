"""The comparison with peers as Markdown: the bounds that do not hold first, the figures, and who is better at what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.report.document import table
from benchmarks.report.figures import Figures
from benchmarks.report.promise import promises
from benchmarks.report.spread import ratio
from benchmarks.sections import tables
from benchmarks.servers.server_spec import AIOHTTP_NOOP, PROTOCOL_NOOP
from benchmarks.servers.worker import FAST, SLOW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECTIONS: Final = 64
_NO_PEERS: Final = {FAST.name, SLOW.name, AIOHTTP_NOOP.name, PROTOCOL_NOOP.name}
"""Contenders that are Rookery itself, or that bound what is possible."""

_INTRODUCTION: Final = """# Comparison with peers

Written by `make bench` from `performance.json`. [How fast Rookery is](../performance.md) has every figure, the method and the
settings of each peer. Rookery verifies a token, validates, predicts and syncs each result to disk before it answers; a durable peer does the same
work (without the token where it sees none), a plain one checks no token and makes nothing durable.
"""

_CHOICE: Final = """## Which one to choose

| you need | choose | because |
|---|---|---|
| every event of a Pub/Sub stream to end as one durable result | Rookery | acknowledges after the result is durable, deduplicates, explains rejections |
| a model behind a request, nothing stored | mosec, LitServe, BentoML, MLServer | that is their purpose, for models of any framework |
| GPUs, large language models, several models in a graph | BentoML, LitServe, MLServer | Rookery serves one XGBoost model on CPUs |
| joins, windows, state over the stream | Beam (Dataflow) | Rookery classifies each event by itself |
| a nightly batch of a warehouse | the warehouse's own prediction, or `rookery classify` | no stream is needed |
| lowest effort for a handful of requests | FastAPI with `inplace_predict` | a page of code |

| | Rookery | mosec | BentoML | LitServe | MLServer | FastAPI | Beam |
|---|---|---|---|---|---|---|---|
| takes Pub/Sub's push envelope | yes | own code | own code | own code | own code | own code | pulls by its connector |
| result durable before the acknowledgement | yes | own code | own code | own code | own code | own code | yes, by its runner |
| a reading delivered twice counts once | yes | own code | own code | own code | own code | own code | by its runner, by message id |
| invalid input explained and kept | yes | own code | own code | own code | own code | 422 by pydantic, not kept | own code |
| batches requests by itself | group commit, no timer | window | window | window | window | no | bundles |
| models | XGBoost | any | any | any | many frameworks | any | any |
| GPU | no | yes | yes | yes | yes | own code | yes |
"""


def render(figures: Mapping[str, Any]) -> str:
    """Write the whole page; what was not measured is left out."""
    bounds = promises(figures)
    rows = [(each.said, each.limit, str(each.found)) for each in bounds if each.held is False]
    held = sum(each.held is True for each in bounds)
    failed = table(("ratio", "bound", "found"), rows) if rows else "Every measured bound holds.\n"
    parts = [
        _INTRODUCTION,
        "## Bounds that are NOT HELD\n",
        failed,
        f"{held} of {len(bounds)} bounds hold; [the page of figures](../performance.md#what-is-promised) lists all of them.\n",
    ]
    if "singles" in figures:
        parts += [
            "## Single readings, 64 connections\n",
            _singles(Figures(figures["singles"])),
            _origin(figures["singles"]),
        ]
    if "tables" in figures:
        parts += [
            "## Tables of 1,000 rows\n",
            _tables(Figures(figures["tables"])),
            _origin(figures["tables"]),
        ]
    return "\n".join([*parts, _CHOICE])


def _singles(found: Figures) -> str:
    """Rookery, then each peer; a ratio above 1 is in Rookery's favour."""
    head = ("server", "CPU us a reading", "CPU, of Rookery's", "requests/s", "p99 ms")
    return table(head, _rows(found))


def _rows(found: Figures) -> Iterator[list[str]]:
    own = found.by_round(FAST.name, "cpu_us", connections=CONNECTIONS)
    for who in (FAST.name, *(each for each in found.contenders() if each not in _NO_PEERS)):
        cpu = found.by_round(who, "cpu_us", connections=CONNECTIONS)
        measured = (
            str(found.spread(who, name, connections=CONNECTIONS)) for name in ("per_second", "p99_ms")
        )
        yield [
            who,
            str(found.spread(who, "cpu_us", connections=CONNECTIONS)),
            str(ratio(cpu, own)),
            *measured,
        ]


def _tables(found: Figures) -> str:
    where: dict[str, float | str] = {"model": "reference", "rows": tables.ROWS}
    rows = ([who, str(found.spread(who, "rows_per_second", **where))] for who in found.contenders(**where))
    return table(("way", "rows/s"), rows)


def _origin(section: Mapping[str, Any]) -> str:
    origin = section["provenance"]
    return (
        f"({origin['date']}, commit {origin['commit']}, `{origin['command']}`; {origin['processor']}, {origin['cores']} cores, "
        f"Python {origin['python']}.)\n"
    )
